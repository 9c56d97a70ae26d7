/** `path-prefix` -> `pathPrefix`: an option's name as commands read it. */
export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
