const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const money = (cents) => `${(cents / 100).toFixed(2)} EUR`;

/** The page: what is sold, how much was, and which processes made it. */
export function page({ products, orders, answeredBy }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The shop</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 44rem; padding: 0 1rem; color: #1d2733; }
  table { border-collapse: collapse; width: 100%; }
  td, th { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #d7dee6; }
  .way { display: flex; gap: .6rem; flex-wrap: wrap; margin: 1rem 0 2rem; }
  .way div { border: 1px solid #d7dee6; border-radius: .5rem; padding: .5rem .9rem; }
  .way .changed { background: #fff3d6; border-color: #e0a800; }
  small { color: #5d6b7a; display: block; }
</style>
<h1>The shop</h1>
<p>This page was made by</p>
<div class="way">${answeredBy.map(({ service, edition, host }) => `
  <div${edition === 'regular' ? '' : ' class="changed"'}><strong>${escape(service)}</strong> ${escape(edition)}<small>${escape(host)}</small></div>`).join('')}
</div>
<table>
  <tr><th>Product<th>Price</tr>${products.map(({ name, cents }) => `
  <tr><td>${escape(name)}<td>${escape(money(cents))}</tr>`).join('')}
</table>
<p>Orders so far: ${orders}</p>
</html>
`;
}
