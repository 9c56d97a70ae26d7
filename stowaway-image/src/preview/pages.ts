/** What the gateway itself shows: no script, nothing from elsewhere. */

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>${escape(title)}</title>
<style>body{font:17px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#222;background:#fff}h1{font-size:1.4rem}input,button{font:inherit;padding:.4rem .7rem}small{color:#666}</style></head>
<body><h1>${escape(title)}</h1>${body}<p><small>podbridge preview</small></p></body></html>
`;
}

export function endedPage(why: string): string {
  return page('This preview has ended', `<p>${escape(why)}</p><p>Ask whoever sent you the link for a new one.</p>`);
}

export function unknownPage(): string {
  return page('This preview has ended', '<p>The link is not valid, or not any more: it has expired, was deleted, or its bridge has ended.</p><p>Ask whoever sent you the link for a new one.</p>');
}

export function noLinkPage(): string {
  return page('Previews are here', '<p>Open the link that you were sent; it stands for one preview.</p>');
}

export function nothingHerePage(entry: string): string {
  return page('Nothing at this address', `<p>The entry of this preview, ${escape(entry)}, has no such path.</p>`);
}

export function passwordPage(wrong: boolean): string {
  return page('This preview has a password', `<form method="post">${wrong ? '<p>That was not it.</p>' : ''}<p><label>Password <input type="password" name="password" autofocus autocomplete="current-password"></label> <button>Open</button></p></form>`);
}
