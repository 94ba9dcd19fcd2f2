// Draws one dashboard with Grafana's own components, without a Grafana.
import * as data from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';
import '@grafana/react-data-grid/lib/styles.css';
import { prepared, prepareRegistries } from './ask.js';

const view = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const CELL = 38, GAP = 8, COLUMN = (view.width - GAP) / 24;

function Stat({ panel, frames, width, height, theme }) {
  const values = data.getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: (text) => text, theme,
    data: frames, sparkline: panel.options.graphMode !== 'none', timeZone: 'utc',
  });
  const { textMode, colorMode, graphMode, orientation } = panel.options;
  const across = orientation === 'vertical' || values.length === 1 || width > height * 2;
  const size = across ? { width: width / values.length - 4, height } : { width, height: height / values.length - 4 };
  return (
    <div style={{ display: 'flex', flexDirection: across ? 'row' : 'column', gap: 4 }}>
      {values.map((one, index) => (
        <BigValue key={index} {...size} value={one.display} sparkline={one.sparkline} theme={theme}
          count={values.length} colorMode={colorMode} graphMode={graphMode} textMode={textMode} justifyMode="auto"
          alignmentFactors={data.getDisplayValueAlignmentFactors(values)} text={{}} wideLayout />
      ))}
    </div>
  );
}

function Graph({ panel, frames, width, height }) {
  const range = { from: data.dateTime(view.start * 1000), to: data.dateTime(view.end * 1000) };
  return (
    <TimeSeries frames={frames} width={width} height={height} timeZone="utc" legend={panel.options.legend}
      timeRange={{ ...range, raw: range }} options={panel.options}>
      {() => null}
    </TimeSeries>
  );
}

function Body({ panel, frames, width, height, theme }) {
  if (panel.type === 'stat') return <Stat {...{ panel, frames, width, height, theme }} />;
  if (panel.type === 'timeseries' && frames.length > 0) return <Graph {...{ panel, frames, width, height }} />;
  if (panel.type === 'table' && frames[0]?.length > 0) {
    return <TableNG data={frames[0]} width={width} height={height} sortBy={panel.options.sortBy} cellHeight="sm"
      fieldConfig={panel.fieldConfig} enableVirtualization={false} />;
  }
  return <div style={{ color: theme.colors.text.secondary, textAlign: 'center', paddingTop: height / 2 - 20 }}>{panel.fieldConfig.defaults.noValue || 'No data'}</div>;
}

function Board({ board, drawn, theme }) {
  return (
    <div style={{ position: 'relative', width: view.width, height: drawn.height, background: theme.colors.background.canvas }}>
      {drawn.panels.map(({ panel, frames, place }) => {
        const { x, y, w, h } = place;
        const box = { position: 'absolute', left: GAP + x * COLUMN, top: GAP + y * CELL, width: w * COLUMN - GAP, height: h * CELL - GAP };
        if (panel.type === 'row') {
          return <div key={panel.id} style={{ ...box, height: CELL - GAP, color: theme.colors.text.primary, fontSize: 18 }}>{panel.collapsed ? '▸' : '▾'} {panel.title}</div>;
        }
        return (
          <div key={`${panel.id}-${x}-${y}`} style={box}>
            <PanelChrome title={panel.title} description={panel.description} width={box.width} height={box.height}>
              {(width, height) => <Body {...{ panel, frames, width, height, theme }} />}
            </PanelChrome>
          </div>
        );
      })}
    </div>
  );
}

// A repeated panel stands once for each value; what is below moves down.
async function draw(board, theme) {
  const panels = [];
  let shift = 0, bottom = 0;
  for (const panel of board.panels) {
    const place = { ...panel.gridPos, y: panel.gridPos.y + shift };
    const width = place.w * COLUMN - GAP;
    const values = panel.repeat ? view.pools : [undefined];
    for (const [number, pool] of values.entries()) {
      const each = { ...place };
      if (panel.repeat) {
        each.x = (number % panel.maxPerRow) * place.w;
        each.y = place.y + Math.floor(number / panel.maxPerRow) * place.h;
      }
      const titled = { ...panel, title: panel.title.replace('$pool', pool ?? '') };
      const frames = panel.type === 'row' ? [] : await prepared(titled, { ...view, pool }, width, theme);
      panels.push({ panel: titled, frames, place: each });
      bottom = Math.max(bottom, each.y + each.h);
    }
  }
  return { panels, height: bottom * CELL + GAP * 2 };
}

async function main() {
  const theme = data.createTheme({ colors: { mode: view.theme } });
  document.body.style.background = theme.colors.background.canvas;
  prepareRegistries();
  const board = await (await fetch(`/${view.board}.json`)).json();
  // Rows that are opened by a click are shown opened.
  board.panels = board.panels.flatMap((panel) => {
    if (panel.type !== 'row' || !panel.collapsed || !view.opened) return [panel];
    return [{ ...panel, collapsed: false }, ...panel.panels];
  });
  const drawn = await draw(board, theme);
  const root = createRoot(document.getElementById('root'));
  root.render(
    <data.ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Board board={board} drawn={drawn} theme={theme} />
    </data.ThemeContext.Provider>,
  );
  // Every table that has rows shows them, and a little later lines are drawn, too.
  const tables = drawn.panels.filter(({ panel, frames }) => panel.type === 'table' && frames[0]?.length > 0).length;
  const shown = () => document.querySelectorAll('[role=grid]:has([role=gridcell])').length;
  for (let tries = 0; shown() < tables && tries < 100; tries += 1) await new Promise((done) => setTimeout(done, 100));
  if (shown() < tables) throw new Error(`only ${shown()} of ${tables} tables are drawn`);
  setTimeout(() => { document.title = 'drawn'; }, 1000);
}

main().catch((error) => { console.error(error); document.title = `failed: ${error.message}`; });
