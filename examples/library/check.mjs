// An integration test as a program: the container takes the place of the target for requests with a mark of this run, is asked, and goes.
// node examples/library/check.mjs deploy/api api:dev 8080 /healthz
import { createBridge } from 'podbridge';

const [target, image, ports, path = '/'] = process.argv.slice(2);
const mark = `check-${process.pid}`;

const bridge = await createBridge({
  target,
  image,
  ports,
  name: mark,
  rules: { mark },
  env: { WHO: mark },
  onEvent: (event) => event.type === 'step-done' && console.error(`${event.title} ${event.elapsedMs} ms`),
});
try {
  const [{ port }] = bridge.ports;
  console.error(`bridged: ${bridge.pods.length} pods, port ${port}`);
  // Through the cluster, whoever calls the service with this header reaches our container; everybody else the pods.
  const answer = await fetch(`http://${bridge.container.address}:${port}${path}`, { headers: { baggage: `bridge=${mark}` } });
  console.log(`${answer.status} from ${bridge.container.name}`);
  if (!answer.ok) process.exitCode = 1;
} finally {
  await bridge.stop();
}
