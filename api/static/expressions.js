// The seven expressions, in the order of every file and table of Affectline.

export const EXPRESSIONS = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];
