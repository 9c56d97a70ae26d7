/** Every Docker object of a test cluster carries this; not the product's own label, so that its clean-up never finds them. */
export const managedBy = 'app.kubernetes.io/managed-by=podbridge-test-cluster';
/** The cluster an object belongs to. */
export const clusterLabel = 'podbridge.dev/test-cluster';
/** The image (by its recipe's hash) that a node was made from. */
export const recipeLabel = 'podbridge.dev/test-cluster-recipe';
