import { embedded } from './embedded/provider.ts';
import type { Provider } from './provider.ts';

export async function chooseProvider(): Promise<Provider> {
  return embedded;
}
