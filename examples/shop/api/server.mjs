// api: prices and products, and the way to orders. Needs a key that stands in a Secret.
import { ask, HttpError, readJson, self, serve } from '../lib/service.mjs';
import { edition, price } from './pricing.mjs';

const orders = process.env.ORDERS_URL ?? 'http://orders';
const authorization = { authorization: `Bearer ${process.env.ORDERS_KEY}` };
// "name=cents" on each line of a multi-line variable, from a ConfigMap.
const products = (process.env.PRODUCTS ?? '').trim().split('\n').filter(Boolean).map((line) => {
  const [name, cents] = line.split('=');
  return { name, cents: Number(cents) };
});

serve('api', {
  'GET /catalog': async () => {
    const { count, answeredBy } = await ask(`${orders}/orders`, { headers: authorization });
    return { products: products.map(({ name, cents }) => ({ name, cents: price(cents) })), orders: count, answeredBy: [self('api', edition), ...answeredBy] };
  },
  'POST /orders': async (request) => {
    const { name } = await readJson(request);
    const product = products.find((candidate) => candidate.name === name);
    if (product === undefined) throw new HttpError(404, `there is no ${name}`);
    const order = await ask(`${orders}/orders`, {
      method: 'POST', headers: { ...authorization, 'content-type': 'application/json' }, body: JSON.stringify({ name, cents: price(product.cents) }),
    });
    return { ...order, answeredBy: [self('api', edition), ...order.answeredBy] };
  },
});
