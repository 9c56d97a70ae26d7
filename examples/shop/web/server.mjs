// web: the page. Knows only api.
import { ask, readJson, self, serve } from '../lib/service.mjs';
import { page } from './page.mjs';

const api = process.env.API_URL ?? 'http://api';

async function view() {
  const { products, orders, answeredBy } = await ask(`${api}/catalog`);
  return { products, orders, answeredBy: [self('web', 'regular'), ...answeredBy] };
}

serve('web', {
  'GET /': async () => page(await view()),
  'GET /view': view,
  'POST /orders': async (request) => {
    const order = await ask(`${api}/orders`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(await readJson(request)) });
    return { ...order, answeredBy: [self('web', 'regular'), ...order.answeredBy] };
  },
});
