export const edition = 'twenty percent off';

export const price = (cents) => Math.round(cents * 0.8);
