/** A bridge whose fallback is `fail` has kept the originals out of its backends. When it ends, what is still open goes there. */
import { bridgeBackends, originalWeights } from './proxy/config.ts';
import type { Route } from './proxy/model.ts';
import type { Generation } from './proxy/supervisor.ts';

/** @param places ids of the frontends, with the route that ends there. Before its servers are closed. */
export async function openOriginals(places: readonly { frontend: string; route: Route }[], generations: readonly Generation[]): Promise<void> {
  const backends = places.filter(({ route }) => route.fallback === 'fail').flatMap(({ frontend, route }) => bridgeBackends(frontend, route));
  // A process that does not have a backend answers an error that does not matter.
  await Promise.all(generations.flatMap(({ api }) => backends.flatMap((name) => Object.entries(originalWeights).map(async ([server, weight]) => {
    await api.ask(`set weight ${name}/${server} ${weight}`).catch(() => undefined);
  }))));
}
