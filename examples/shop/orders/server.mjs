// orders: counts and keeps orders in Redis.
import { createClient } from '@redis/client';
import { HttpError, readJson, self, serve } from '../lib/service.mjs';

const redis = createClient({ url: process.env.REDIS_URL ?? 'redis://redis:6379' });
redis.on('error', (error) => console.error('redis:', error.message));
await redis.connect();

function authorize(request) {
  if (request.headers.authorization !== `Bearer ${process.env.ORDERS_KEY}`) throw new HttpError(401, 'the key is wrong');
}

serve('orders', {
  'GET /orders': async (request) => {
    authorize(request);
    return { count: await redis.lLen('orders'), answeredBy: [self('orders', 'regular')] };
  },
  'POST /orders': async (request) => {
    authorize(request);
    const order = await readJson(request);
    const number = await redis.rPush('orders', JSON.stringify(order));
    return { number, ...order, answeredBy: [self('orders', 'regular')] };
  },
});
