/** What `bridge help TOPIC` explains. Short: docs/ has the rest. */

import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';

export interface Topic {
  name: string;
  summary: string;
  text: string;
}

export const topics: readonly Topic[] = [
  {
    name: 'rules', summary: 'Which requests a bridge takes',
    text: `Without rules a bridge takes all traffic of its ports, of any protocol.

  --mark ann               requests with the W3C header  baggage: bridge=ann
  --header 'x-user=ann'    with this header; ^= begins so, ~= matches the regular expression
  --path /a, --path-prefix /a, --path-regex '^/v[0-9]'
  --method GET

Headers and methods must all hold. Several marks or paths are alternatives. With rules HTTP/1.1, HTTP/2 and gRPC are taken apart request by
request; everything else stays with the original. Several bridges may stand on one port: the one with more conditions goes first.
While a rule is in force, responses say which side made them:  x-bridge-served-by.`,
  },
  {
    name: 'exit-codes', summary: 'What the exit code says',
    text: `  0    done
  1    a defect of podbridge
  2    the command line is wrong
  3    the environment: Docker, the cluster, the link
  4    refused: rights, or somebody else has it
  5    timed out
  125  bridge run: podbridge failed before the container ran; then its code is the container's (127: it has no such program)
  129, 130, 143  ended by SIGHUP, Ctrl-C, SIGTERM; Ctrl-C is the normal end (0) of what only shows: status, logs -f`,
  },
  {
    name: 'output', summary: 'Answers for scripts',
    text: `The answer goes to stdout, the story to stderr. -o json (or --json) makes the answer one JSON object, errors too:
  {"error": {"code": "docker-unreachable", "kind": "environment", "what": ..., "why": ..., "next": ...}}
Streams (bridge run in the foreground, logs -f, status --watch) are one object a line.
--progress plain|json|none chooses the form of the story. NO_COLOR and TERM=dumb are honoured; CI=true means no moving pictures.`,
  },
  {
    name: 'environment', summary: 'Environment variables',
    text: `  PODBRIDGE_CONTEXT, PODBRIDGE_KUBECONFIG, PODBRIDGE_NAMESPACE, PODBRIDGE_PROJECT   stand in for the options of those names
  PODBRIDGE_OUTPUT, PODBRIDGE_PROGRESS, PODBRIDGE_YES, PODBRIDGE_VERBOSE, PODBRIDGE_TRANSPORT, PODBRIDGE_TTL   likewise
  KUBECONFIG, DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG        as kubectl and docker take them
  HTTPS_PROXY, NO_PROXY                                         the way to the API server
  NO_COLOR, FORCE_COLOR, TERM, CI                               what is drawn
  PODBRIDGE_ASCII                                               signs without Unicode in bridge status`,
  },
  {
    name: 'troubleshooting', summary: 'When something does not work',
    text: `  bridge doctor                    names the cause and the command that repairs it
  bridge status                    who gets the requests, and why
  bridge logs NAME -f              what the program says; --of cargo, hub, controller or agent for podbridge's own parts
                                   (all but cargo only for who may read the logs of bridge-system: an administrator)
  bridge COMMAND --verbose         the details of an error
  bridge doctor --bundle FILE      all of it in one archive without secrets, for a report`,
  },
];

/** `bridge help TOPIC`; undefined for a command (its own help explains it) and for no word at all. Throws `topic-unknown`. */
export function topicText(word: string | undefined, commands: readonly string[]): string | undefined {
  if (word === undefined || word.startsWith('-') || commands.includes(word)) return undefined;
  const topic = topics.find(({ name }) => name === word);
  if (topic !== undefined) return `${topic.summary}.\n\n${topic.text}\n`;
  const meant = suggest(word, [...topics.map(({ name }) => name), ...commands]);
  throw new BridgeError({
    kind: 'usage', code: 'topic-unknown', what: `there is no command or topic '${word}'`, why: meant === undefined ? `topics are: ${topics.map(({ name }) => name).join(', ')}` : `did you mean '${meant}'?`, next: meant === undefined ? 'bridge --help' : `bridge help ${meant}`,
  });
}
