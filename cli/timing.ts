/** Every timeout and interval of the CLI's own waiting; those that two parts agree on stand in protocol/. */
export const timing = {
  /** Until a connection to the API server stands; kubectl waits 30 s, people do not. */
  apiConnectTimeoutMs: 6_000,
  /** Until an answer to an ordinary request is complete. */
  apiRequestTimeoutMs: 30_000,
  /** Idempotent requests are tried again this often after 429, 503 or a broken connection. */
  apiRetries: 3,
  apiRetryDelayMs: 150,
  /** A watch that was cut is resumed after this long at first, twice as long each time, with jitter. */
  watchResumeMinDelayMs: 50,
  watchResumeMaxDelayMs: 5_000,
  /** The API server ends a watch after this long; it is resumed from where it stood. */
  watchServerTimeoutSeconds: 290,
  /** First TCP keep-alive probe on connections to the API server: below the usual idle limit of load balancers. */
  apiKeepAliveDelayMs: 15_000,
  /** A Bridge whose maker was killed before cargo held its lifeline is removed by the controller after this; a link comes up in less, or not at all. */
  bridgeClaimLimitMs: 60_000,
  /** The preview gateway's pod runs: its image is on some node already, the hub's. */
  previewGatewayTimeoutMs: 90_000,
  /** Controllers of Gateways gather changes for a second or two. */
  gatewayVerdictTimeoutMs: 5_000,
  /** After the last probe of a check: what agents have seen is fetched in turns of up to two seconds. */
  propagationSettleMs: 5_000,
  /** All pods of the target attached, from the creation of the bridge. */
  bridgeReadyTimeoutMs: 90_000,
  /** A link that comes up has made its Client by then; its own timeouts are shorter. */
  clientSeenTimeoutMs: 120_000,
  /** Controller must have resolved the target by then; it does within milliseconds when it lives. */
  bridgeAcceptedTimeoutMs: 20_000,
  /** Open requests may finish for as long as agents wait (10 s), and a little for the way. */
  bridgeDrainTimeoutMs: 13_000,
  /** The agent's answer to the identity request. */
  identityTimeoutMs: 15_000,
  identityRetryDelayMs: 50,
  /** Files of the pod: how long nothing may arrive. */
  filesStallTimeoutMs: 30_000,
  /** SIGTERM to SIGKILL of the container that brings files; it only has to take its mounts away. */
  mounterStopTimeoutMs: 5_000,
  /** SIGTERM to SIGKILL of the app container when a bridge ends, as `docker stop`. */
  containerStopTimeoutMs: 10_000,
  /** `docker restart`: from the end of the container to its next start, on a busy machine. */
  restartLimitMs: 5_000,
  restartPollIntervalMs: 100,
  /** How often is looked for containers of a Compose project in the foreground that have ended. */
  composeEndsIntervalMs: 500,
  /** The last lines of a log whose containers have all ended. */
  composeLastLinesMs: 2_000,
  /** Server-side apply of one object, when somebody else writes it too or its namespace is not seen everywhere yet. */
  applyAttempts: 20,
  applyRetryDelayMs: 100,
  /** An object whose immutable field changed is deleted first; its pods get their grace. */
  replaceTimeoutMs: 60_000,
  /** Custom resources served, admission policies compiled: tenths of a second. */
  establishTimeoutMs: 30_000,
  establishPollIntervalMs: 50,
  /** Hub and controller running: images may have to be pulled. */
  rolloutTimeoutMs: 180_000,
  /** How often is looked for why a pod does not start. */
  rolloutReasonIntervalMs: 500,
  /** A pod that reports this long that it cannot start will not: tell, instead of waiting on. */
  rolloutHopelessMs: 20_000,
  /** Open requests of bridges may finish before everything is removed. */
  uninstallDrainTimeoutMs: 12_000,
  /** Pods that do not end by themselves (their node is dead) are removed by force after this. */
  uninstallPodTimeoutMs: 40_000,
  uninstallGoneTimeoutMs: 120_000,
  uninstallPollIntervalMs: 100,
  /** How long a definition may wait for its objects before foreign finalizers are taken off them. */
  uninstallFinalizerIntervalMs: 3_000,
  /** cargo's answer to a request on its control socket. */
  controlTimeoutMs: 10_000,
  /** The lock on a link: held for the second in which network and cargo are made; one that was not renewed for so long belongs to a dead process. */
  lockLimitMs: 60_000,
  /** A build on a slow connection, by another command. */
  imageLockLimitMs: 900_000,
  lockRetryMs: 50,
  lockStaleMs: 10_000,
  lockUpdateMs: 1_000,
  /** A control connection that broke is opened again this often, and requests wait for it this long. */
  controlReopenDelayMs: 200,
  controlReopenLimitMs: 15_000,
  /** From `docker start` to cargo's first answer: its container, Node, the key. */
  cargoHelloTimeoutMs: 15_000,
  /** An older cargo that is about to be replaced, asked for its forwards. */
  cargoLastWordsTimeoutMs: 2_000,
  cargoRetryDelayMs: 100,
  /** Address from the controller and peer in the hub: tenths of a second when both live. */
  linkClientTimeoutMs: 20_000,
  linkConfigureTimeoutMs: 10_000,
  /** First echo over one way when there is another to try. */
  linkWayTimeoutMs: 4_000,
  /** First echo over the last way: WireGuard repeats its handshake every 5 s. */
  linkEchoTimeoutMs: 12_000,
  /** cargo answers as soon as the echo is there; after this long it is asked again. */
  linkEchoSliceMs: 500,
  /** A token's life is hours; a laptop that slept through half of it should not wait long for a new one. */
  relayRenewalCheckMs: 5 * 60_000,
  /** Node's npm package (30 MB) from the registry. */
  nodePackageTimeoutMs: 300_000,
  basePullTimeoutMs: 300_000,
  imageBuildTimeoutMs: 900_000,
  imageLoadTimeoutMs: 300_000,
  imagePushTimeoutMs: 900_000,
  /** From the moment in which a container gets nothing new until it is restarted: checks have failed, idle connections are closed, short requests are over. */
  restMs: 1_500,
  /** An app that does not listen by then (or no longer) is told of. */
  notListeningDelayMs: 5_000,
  /** Files that changed are quiet for so long before they are built. */
  watchSettleMs: 200,
  /** `bridge run -d` looks this long whether the app listens, before it says that it does not; with --wait it gives up after the second. */
  servingNoticeMs: 2_000,
  servingTimeoutMs: 60_000,
  /** How often is looked meanwhile whether the container still runs. */
  servingEndPollMs: 500,
  /** An agent or cargo that does not answer a question of `bridge status` by then keeps what it said last. */
  statusAnswerTimeoutMs: 3_000,
  /** Packets of several sizes and a name, each with repetitions. */
  doctorMeasureTimeoutMs: 10_000,
  /** Who presses Tab does not wait longer for a cluster. */
  completionLimitMs: 1_500,
  /** `bridge status` looks again this often on its screen. */
  statusIntervalMs: 1_000,
  /** Lines of a log that the screen begins with. */
  statusLogTailLines: 200,
  /** Between the two looks of a single answer: rates need two. */
  statusRateIntervalMs: 500,
  /** How often a plain reporter repeats what a long step waits for. */
  waitingLineIntervalMs: 5_000,
  /** A step must run this long before Ink is loaded. */
  inkDelayMs: 300,
  /** Ink redraws this often. */
  spinnerIntervalMs: 120,
} as const;
