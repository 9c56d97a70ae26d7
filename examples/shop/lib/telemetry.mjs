// Loaded before each service (`node --import ./lib/telemetry.mjs`). This is all that the shop knows about tracing: what it
// does with W3C `traceparent` and `baggage` headers, from the request that came in to the requests that go out, is OpenTelemetry's.
// Where spans are sent to is decided by OTEL_* variables; the manifests send them nowhere.
import { register } from 'node:module';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);
new NodeSDK({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] }).start();
