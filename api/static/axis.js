// The stretch of time that plot and lanes show, together.

const SHORTEST_S = 0.2;

/** Dispatches "change". Times are seconds from the first frame. */
export class TimeAxis extends EventTarget {
  #whole;

  constructor(duration) {
    super();
    this.#whole = Math.max(duration, SHORTEST_S);
    this.from = 0;
    this.to = this.#whole;
  }

  get span() {
    return this.to - this.from;
  }

  get isWhole() {
    return this.from <= 0 && this.to >= this.#whole;
  }

  show(from, to) {
    const span = Math.min(this.#whole, Math.max(SHORTEST_S, to - from));
    const begin = Math.max(0, Math.min(this.#whole - span, (from + to - span) / 2));
    if (begin === this.from && begin + span === this.to) return;
    this.from = begin;
    this.to = begin + span;
    this.dispatchEvent(new Event("change"));
  }

  showAll() {
    this.show(0, this.#whole);
  }

  /** Show a stretch `factor` times as long, with `around` staying where it is. */
  zoom(factor, around) {
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
  }

  /** Go along by a share of what is shown. */
  pan(share) {
    const way = Math.max(-this.from, Math.min(this.#whole - this.to, share * this.span));
    this.show(this.from + way, this.to + way);
  }

  /** Turn the page when a moment has left what is shown. */
  follow(time) {
    if (time > this.to || time < this.from) this.show(time - 0.05 * this.span, time + 0.95 * this.span);
  }

  /** Where a time lies: 0 at the left end of what is shown, 1 at the right one. */
  shareOf(time) {
    return (time - this.from) / this.span;
  }

  timeAt(share) {
    return this.from + share * this.span;
  }
}
