/** Docker objects that tests make by themselves carry this; not the product's label, so that its clean-up never finds them. */
export const testLabel = 'app.kubernetes.io/managed-by=podbridge-test';
