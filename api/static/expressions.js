// The seven expressions, in the order of every file and table of Affectline.

export const EXPRESSIONS = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];

/** The colour of an expression in the present scheme, light or dark. */
export function hueOf(expression) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${expression}`).trim();
}
