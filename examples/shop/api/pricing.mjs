export const edition = 'regular';

export const price = (cents) => cents;
