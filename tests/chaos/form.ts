/** `npm run test:chaos` is the long form; as a part of `npm test` the suites are shorter. */
export const long = process.env.PODBRIDGE_CHAOS === 'long';
