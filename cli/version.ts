import packageJson from '../package.json' with { type: 'json' };

/** Version of this package; images and the cluster side carry the same. */
export const version: string = packageJson.version;
