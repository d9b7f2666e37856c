"""What a frame costs, stage by stage; see README.md beside this file."""
