/** Names, labels and annotations that every part uses. Everything podbridge creates is found again by these, never by memory. */

export const apiGroup = 'podbridge.dev';
export const apiVersion = 'v1alpha1';
export const groupVersion = `${apiGroup}/${apiVersion}`;

/** Namespace of the cluster side. */
export const systemNamespace = 'bridge-system';

/** Field manager of server-side apply; agents and hub append their role so that each owns only its own fields. */
export const fieldManager = 'podbridge';

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  component: 'app.kubernetes.io/component',
  version: 'podbridge.dev/version',
  link: 'podbridge.dev/link',
  bridge: 'podbridge.dev/bridge',
  owner: 'podbridge.dev/owner',
  /** Docker only: what the object is for: `cargo`, `app`, `network`, `volume`, `mounter`, `loopback`. */
  role: 'podbridge.dev/role',
  /** Docker only: namespace of the bridge that the container belongs to. */
  namespace: 'podbridge.dev/namespace',
  /** Docker only: uid of the container's Bridge: a later Bridge of the same name is not its own. */
  bridgeUid: 'podbridge.dev/bridge-uid',
  /** Docker only: kubeconfig context and API server that a link was made for. */
  context: 'podbridge.dev/context',
  server: 'podbridge.dev/server',
  /** Docker only: `<machine>/<pid>` of the foreground `bridge run` that the container must not outlive. */
  session: 'podbridge.dev/session',
  /** Docker only, on an app container that goes out as a pod: ports of its 127.0.0.1 that lead to the pod's, with commas. */
  loopback: 'podbridge.dev/loopback',
  /** Docker only, `true`: the link was made for the Compose project of this container, and ends with it when nobody else uses it. */
  madeLink: 'podbridge.dev/made-link',
  /** Docker only, on a container that stands for a provider of Compose: hash of the options it was made with. */
  options: 'podbridge.dev/options',
  /** Docker only, `true`: the user wants to keep it (`--retain`), no sweep removes it. */
  retain: 'podbridge.dev/retain',
} as const;

/**
 * On a Bridge whose maker has not made sure yet that it ends with him: seconds from its creation in which he will, or the
 * controller removes it. The CLI takes it away as soon as cargo holds its lifeline; killed before that, it cannot.
 */
export const unclaimedAnnotation = 'podbridge.dev/unclaimed';
/** On a Bridge that is ended by a command: the link of the machine where it was typed. Only for the words of whoever stands on the bridge; nothing is decided by it in the cluster. */
export const endedByAnnotation = 'podbridge.dev/ended-by';

/** On what an invitation made (`bridge clients invite`): the guest's name. */
export const guestLabel = `${apiGroup}/guest`;

/** Value of {@link labels.managedBy} on every object of ours. */
export const managedBy = 'podbridge';

/** Names of the cluster side's objects. */
export const names = {
  hub: 'stowaway-hub',
  /** The hub is a StatefulSet, so its pod has a fixed name and rights on it can be narrow. */
  hubPod: 'stowaway-hub-0',
  hubKeySecret: 'stowaway-hub-key',
  hubKeySecretField: 'privateKey',
  /** ConfigMap in which the controller has written the clients' address pool, once and for all. */
  network: 'stowaway-network',
  networkPoolField: 'pool',
  controller: 'stowaway-controller',
  controllerLease: 'stowaway-controller',
  /** Agents are bare pods `stowaway-agent-<hash of the node name>`. */
  agent: 'stowaway-agent',
  /** The gateway of preview links: a pod, while there are some, and the Service that leads to it. */
  preview: 'stowaway-preview',
  /** Whom cargo is for the API server: may open port-forwards to the hub's pod. */
  linkAccount: 'podbridge-link',
  userRole: 'podbridge-user',
  installerRole: 'podbridge-installer',
  viewerRole: 'podbridge-viewer',
  /** ConfigMap that says which version is installed. */
  info: 'podbridge-info',
} as const;

/** Reasons of a bridge's condition `Ready` when another bridge has the requests that it claims. */
export const collisionReasons = { taken: 'RequestsTaken', takenBySilent: 'RequestsTakenBySilentLink', takenOver: 'TakenOver' } as const;

/** The custom verb on `bridges` and `clients` that lets someone alter what others own (cluster administrators have it through `*`). */
export const administerVerb = 'administer';
