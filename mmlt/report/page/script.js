'use strict';
const one = (query, root = document) => root.querySelector(query);
const all = (query, root = document) => [...root.querySelectorAll(query)];
const make = (tag, text, kind) => { const node = document.createElement(tag); node.textContent = text; if (kind) node.className = kind; return node; };
const data = one('#data') ? JSON.parse(one('#data').textContent) : null;
const show = value => value === null || value === undefined ? '–' : value.toFixed(1);
const count = value => value === null || value === undefined ? '–' : value.toLocaleString('en');

// theme
const theme = one('#theme');
const dark = () => (document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
const named = () => { theme.textContent = dark() ? 'Light' : 'Dark'; };
theme.hidden = false;
theme.onclick = () => { document.documentElement.dataset.theme = dark() ? 'light' : 'dark'; named(); };
named();

// a table head becomes a button that sorts; by(column, ascending) does it
function sortable(table, by) {
  all('thead th', table).forEach((th, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...th.childNodes);
    th.append(button);
    button.onclick = () => {
      const ascending = th.getAttribute('aria-sort') === 'descending' || (!th.hasAttribute('aria-sort') && column === 0);
      all('thead th', table).forEach(other => other.removeAttribute('aria-sort'));
      th.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
      by(column, ascending);
    };
  });
}
const compare = (a, b, ascending) => {
  if (a === null || b === null) return (a === null) - (b === null);  // what is missing stands last
  const order = typeof a === 'string' ? a.localeCompare(b) : a - b;
  return ascending ? order : -order;
};
const runs = one('#runs');
sortable(runs, (column, ascending) => {
  const key = row => { const cell = row.children[column]; return column === 0 ? cell.textContent : cell.dataset.value === '' ? null : +cell.dataset.value; };
  one('tbody', runs).append(...all('tbody tr', runs).sort((a, b) => compare(key(a), key(b), ascending)));
});

// the table of classes: search, sort, 200 rows at a time
if (data) {
  const table = one('#class-table'), body = one('tbody', table), search = one('#search'), more = one('#more');
  const lower = data.names.map(name => name.toLowerCase());
  const columns = [c => data.names[c], c => data.counts ? data.counts[c] : null, c => data.tested[c],
    ...data.accuracy.map(row => c => row[c]), ...(data.gain ? [c => data.gain[c]] : [])];
  let order = data.order, rows = [], shown = 0;
  const cell = (row, text) => row.append(make('td', text, 'num'));
  const line = c => {
    const row = document.createElement('tr'), head = make('th', ''), name = make('bdi', data.names[c], 'class');
    head.scope = 'row'; name.title = data.names[c]; head.append(name); row.append(head);
    cell(row, count(data.counts && data.counts[c])); cell(row, count(data.tested[c]));
    data.accuracy.forEach(values => cell(row, show(values[c])));
    if (data.gain) {
      const gain = data.gain[c], td = make('td', '', 'num');
      td.append(make('span', gain === null ? '–' : (gain > 0 ? '+' : '') + gain.toFixed(1), gain > 0 ? 'up' : gain < 0 ? 'down' : ''));
      row.append(td);
    }
    return row;
  };
  const extend = () => {
    body.append(...rows.slice(shown, shown + 200).map(line));
    shown = Math.min(shown + 200, rows.length);
    more.hidden = shown >= rows.length;
  };
  const render = () => {
    const text = search.value.trim().toLowerCase();
    rows = order.filter(c => lower[c].includes(text));
    body.replaceChildren(); shown = 0; extend();
    one('#found').textContent = `${count(rows.length)} of ${count(data.names.length)} classes`;
  };
  more.onclick = extend;
  search.oninput = render;
  sortable(table, (column, ascending) => { order = [...order].sort((a, b) => compare(columns[column](a), columns[column](b), ascending)); render(); });
  if (data.names.length > body.rows.length) { rows = order; shown = body.rows.length; more.hidden = false; }
}
all('.tools').forEach(tools => { tools.hidden = false; });

// what a class's dot says: by pointer, or by the arrow keys in the order of the counts
if (data) {
  const tip = one('#tip'), readout = one('#readout');
  const say = c => `${data.names[c]}\n${data.counts ? count(data.counts[c]) + ' training, ' : ''}${count(data.tested[c])} test images`
    + data.methods.map((name, i) => `\n${name}: ${show(data.accuracy[i][c])} %`).join('');
  all('svg[data-kind=classes]').forEach(svg => {
    if (data.names.length > 400) svg.classList.add('many-dots');
    let sets = null, at = -1;
    const points = () => sets ||= all('.dots', svg).map(path => [...path.getAttribute('d').matchAll(/M(\S+) (\S+?)h0/g)].map(m => [+m[1], +m[2]]));
    const ring = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
    ring.setAttribute('r', 6); ring.setAttribute('class', 'mark'); ring.setAttribute('visibility', 'hidden'); svg.append(ring);
    const mark = ([x, y]) => { ring.setAttribute('cx', x); ring.setAttribute('cy', y); ring.setAttribute('visibility', 'visible'); };
    const hide = () => { tip.hidden = true; ring.setAttribute('visibility', 'hidden'); };
    svg.onpointermove = event => {
      const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let best = 15 ** 2, found = null;
      points().forEach(set => set.forEach((p, c) => { const d = (p[0] - x) ** 2 + (p[1] - y) ** 2; if (d < best) { best = d; found = [c, p]; } }));
      if (!found) return hide();
      mark(found[1]); at = data.order.indexOf(found[0]);
      tip.textContent = say(found[0]); tip.hidden = false;
      tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)) + 'px';
      tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)) + 'px';
    };
    svg.onpointerleave = hide;
    svg.onblur = hide;
    svg.onkeydown = event => {
      const move = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[event.key];
      if (!move) return;
      event.preventDefault();
      at = Math.max(0, Math.min(data.order.length - 1, at + move));
      const c = data.order[at], p = points().map(set => set[c]).find(p => p && p[1] > 0);
      if (p) mark(p);
      readout.textContent = say(c).replaceAll('\n', '; ');
    };
  });
}

// errors, and copying
const searchErrors = one('#search-errors');
if (searchErrors) searchErrors.oninput = () => {
  const text = searchErrors.value.trim().toLowerCase(), items = all('.gallery li');
  items.forEach(item => { item.hidden = !item.dataset.text.includes(text); });
  one('#found-errors').textContent = `${items.filter(item => !item.hidden).length} of ${items.length}`;
};
all('.copy').forEach(button => {
  button.hidden = false;
  button.onclick = async () => {
    const node = one('#' + button.dataset.from), label = button.textContent;
    try { await navigator.clipboard.writeText(node.textContent); } catch { getSelection().selectAllChildren(node); document.execCommand('copy'); }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = label; }, 1500);
  };
});
