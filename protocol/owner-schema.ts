import { rules, text, type Schema } from './schema.ts';

/** User name as the API server knows it. An admission policy makes it the creating user. */
export const owner: Schema = text(512, {
  minLength: 1,
  description: 'User name as the API server knows it: the user who created the object.',
  ...rules(['self == oldSelf', 'the owner of an object cannot change']),
});
