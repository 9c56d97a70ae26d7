/** Why something is not as wished, for a condition: a CamelCase word and a sentence that says what to do. */
export interface Problem {
  reason: string;
  message: string;
}
