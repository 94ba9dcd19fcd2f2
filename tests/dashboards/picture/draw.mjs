// node draw.mjs PROMETHEUS DASHBOARDS RUN OUT [BOARD...], beside its packages: a picture of each dashboard, dark and light, of the run that RUN/times.json tells of.
import { build } from 'esbuild';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import puppeteer from 'puppeteer-core';

const [prometheus, dashboards, run, out, ...wanted] = process.argv.slice(2);
const here = dirname(new URL(import.meta.url).pathname);
const times = JSON.parse(readFileSync(join(run, 'times.json'), 'utf8'));
const packages = (name) => dirname(createRequire(join(here, 'package.json')).resolve(`${name}/package.json`));

// An editor that no panel shows is most of the bundle.
const without = { name: 'without-editor', setup: (build) => {
  build.onResolve({ filter: /^(monaco-editor|@monaco-editor\/react|react-monaco-editor)/ }, ({ path }) => ({ path, namespace: 'none' }));
  build.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'export default {}; export const loader = { config() {} }; export const Editor = null;' }));
} };
await build({
  entryPoints: [join(here, 'page.jsx')], outfile: join(here, 'page.js'), bundle: true, format: 'iife', jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'dataurl', '.png': 'dataurl' }, plugins: [without], logLevel: 'error', minify: false,
});

// Grafana's style sheet asks for these two.
const weights = { Regular: 400, Medium: 500 };
const inter = (name) => join(packages('@fontsource/inter'), `files/inter-latin-${weights[name]}-normal.woff2`);
const html = `<!doctype html><meta charset="utf-8"><title>drawing</title><link rel="icon" href="data:,"><style>body { margin: 0 }</style><link rel="stylesheet" href="/page.css"><div id="root"></div><script src="/page.js"></script>`;
const server = createServer((request, response) => {
  const path = new URL(request.url, 'http://x').pathname;
  const font = path.match(/^\/public\/fonts\/inter\/Inter-(Regular|Medium)\.woff2$/);
  const icon = path.match(/^\/public\/build\/img\/(.*)$/);
  const board = path.match(/^\/([a-z-]+)\.json$/);
  let file;
  if (path === '/') return response.end(html);
  if (path === '/page.js' || path === '/page.css') file = join(here, path);
  else if (font) file = inter(font[1]);
  else if (icon) file = join(packages('@grafana/ui'), 'dist/public/img', icon[1].replace(/^img\//, ''));
  else if (board) file = join(dashboards, `${board[1]}.json`);
  if (!file || !existsSync(file)) { response.statusCode = 404; return response.end(); }
  if (file.endsWith('.css')) response.setHeader('Content-Type', 'text/css');
  if (file.endsWith('.svg')) response.setHeader('Content-Type', 'image/svg+xml');
  response.end(readFileSync(file));
}).listen(0, '127.0.0.1');
await new Promise((ready) => server.on('listening', ready));

mkdirSync(out, { recursive: true });
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars'],
});
let failed = 0;
for (const board of wanted.length ? wanted : ['overview', 'causes', 'php-fpm', 'fleet']) {
  for (const theme of ['dark', 'light']) {
    const page = await browser.newPage();
    page.on('console', (message) => message.type() === 'error' && console.error(`${board} ${theme}: ${message.text()} ${message.location().url ?? ''}`));
    page.on('pageerror', (error) => console.error(`${board} ${theme}: ${error.message}`));
    const view = { board, theme, prometheus, ...times, width: 1456, opened: true };
    // A table draws what of it is seen.
    await page.setViewport({ width: view.width, height: 3600 });
    await page.goto(`http://127.0.0.1:${server.address().port}/#${encodeURIComponent(JSON.stringify(view))}`);
    await page.waitForFunction('document.title !== "drawing"', { timeout: 60000 });
    const title = await page.title();
    if (title !== 'drawn') { failed += 1; console.error(`${board} ${theme}: ${title}`); }
    const height = await page.evaluate('document.getElementById("root").firstChild?.offsetHeight ?? 900');
    await page.screenshot({ path: join(out, `${board}-${theme}.png`), clip: { x: 0, y: 0, width: view.width, height } });
    if (board === 'overview' && theme === 'dark') {
      // What is seen without scrolling, for the README.
      await page.screenshot({ path: join(out, 'overview.png'), clip: { x: 0, y: 0, width: view.width, height: Math.min(height, 1224) } });
    }
    await page.close();
  }
  console.log(`${board}: ${join(out, board)}-dark.png, -light.png`);
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);
