/**
 * The API client of the programs in the cluster:
 *   const kube = new HttpKube(await inClusterConnection(env), { userAgent });
 *   const pods = follow<Pod>(kube, resources.pods, { fieldSelector: `spec.nodeName=${node}`, signal, onChange });
 *   await kube.apply(resources.bridges, { metadata: { namespace, name, uid }, status: {...} }, { manager, subresource: 'status' });
 */
export { inClusterConnection, serviceAccountDir, tokenFile, type KubeConnection } from './connection.ts';
export { isAlreadyExists, isConflict, isExpired, isForbidden, isKubeError, isNotFound, isRefused, KubeError } from './error.ts';
export { Backoff, pause } from './backoff.ts';
export { follow, type Change, type Followed, type FollowOptions } from './follow.ts';
export { HttpKube } from './http.ts';
export { keyOf, refOf, type ApplyOptions, type DeleteOptions, type Kube, type KubeObject, type ObjectList, type WatchEvent } from './kube.ts';
export { whileLeader, type ElectionOptions } from './lease.ts';
export { resources, type ObjectRef, type Resource, type Selection } from './resource.ts';
