// What Grafana does before a panel is drawn: variables into queries, answers into data frames, transformations, overrides.
import * as data from '@grafana/data';

const { FieldType } = data;

// As many points as Grafana asks of a panel of that width.
const step = (view, width) => Math.max(view.scrape, view.interval ?? 0, Math.ceil((view.end - view.start) / width));

export function fill(text, view, width) {
  const rate = Math.max(step(view, width) + view.scrape, 4 * view.scrape);
  const range = Math.round(view.end - view.start);
  const values = {
    __rate_interval_ms: rate * 1000, __rate_interval: `${rate}s`, __range_s: range, __range: `${range}s`,
    job: '.+', namespace: '.*', instance: '.+', server: '.*', code: '.+', fpm: view.fpm, pool: view.pool ?? '.*',
  };
  return text.replace(/\$(__rate_interval_ms|__rate_interval|__range_s|__range|[a-z]+)/g, (whole, name) => values[name] ?? whole);
}

async function api(view, path, params) {
  const answer = await (await fetch(`${view.prometheus}/api/v1/${path}?${new URLSearchParams(params)}`)).json();
  if (answer.status !== 'success') throw new Error(`${params.query}: ${answer.error}`);
  return answer.data.result;
}

const legend = (format, labels) => format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');

// One frame for each series; a missing step is a gap.
function series(target, rows, view, width) {
  const by = step(view, width);
  return rows.map((row) => {
    const points = new Map((row.values ?? [row.value]).map(([at, value]) => [at, Number(value)]));
    const times = row.values ? [] : [row.value[0]];
    const first = Math.ceil(view.start / by) * by;
    for (let at = first; row.values && at <= view.end; at += by) times.push(at);
    const config = target.legendFormat ? { displayNameFromDS: legend(target.legendFormat, row.metric) } : {};
    return {
      refId: target.refId,
      length: times.length,
      fields: [
        { name: 'Time', type: FieldType.time, values: times.map((at) => at * 1000), config: {} },
        { name: 'Value', type: FieldType.number, values: times.map((at) => points.get(at) ?? null), labels: row.metric, config },
      ],
    };
  });
}

// One frame with a column for each label.
function rows(target, rows, many) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.metric)))].sort();
  const column = (name, type, values) => ({ name, type, values, config: {} });
  return [{
    refId: target.refId,
    length: rows.length,
    fields: [
      column('Time', FieldType.time, rows.map((row) => row.value[0] * 1000)),
      ...names.map((name) => column(name, FieldType.string, rows.map((row) => row.metric[name] ?? ''))),
      column(many ? `Value #${target.refId}` : 'Value', FieldType.number, rows.map((row) => Number(row.value[1]))),
    ],
  }];
}

async function frames(panel, board, width) {
  const view = { ...board, interval: panel.interval === '1m' ? 60 : 0 };
  const all = await Promise.all(panel.targets.map(async (target) => {
    const query = fill(target.expr, view, width);
    const by = step(view, width);
    const answer = target.instant
      ? await api(view, 'query', { query, time: view.end })
      : await api(view, 'query_range', { query, start: Math.ceil(view.start / by) * by, end: view.end, step: by });
    return target.format === 'table' ? rows(target, answer, panel.targets.length > 1) : series(target, answer, view, width);
  }));
  return all.flat();
}

function transformed(panel, list) {
  return new Promise((resolve) => {
    if (!panel.transformations) return resolve(list);
    data.transformDataFrame(panel.transformations, list, { interpolate: (text) => text }).subscribe(resolve);
  });
}

// Properties that the dashboards set by overrides. One that is not listed would be dropped in silence.
const STANDARD = ['color', 'decimals', 'links', 'mappings', 'min', 'thresholds', 'unit'];
const CUSTOM = ['cellOptions', 'drawStyle', 'fillOpacity', 'hideFrom', 'lineStyle', 'lineWidth', 'stacking', 'width'];

export function prepareRegistries() {
  const { mergeTransformer, organizeFieldsTransformer, groupingToMatrixTransformer } = data.standardTransformers;
  const wanted = [mergeTransformer, organizeFieldsTransformer, groupingToMatrixTransformer,
    data.standardTransformers.orderFieldsTransformer, data.standardTransformers.filterFieldsTransformer,
    data.standardTransformers.renameFieldsTransformer, data.standardTransformers.filterFieldsByNameTransformer];
  data.standardTransformersRegistry.setInit(() => wanted.map((one) => ({
    id: one.id, name: one.name, description: '', transformation: async () => one, editor: () => null,
  })));
}

const entry = (id, path, isCustom) => ({
  id: isCustom ? `custom.${id}` : id, path, name: id, isCustom, process: (value) => value, shouldApply: () => true,
  editor: () => null, override: () => null, settings: {},
});

export async function prepared(panel, view, width, theme) {
  const registry = new data.FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((id) => entry(id, id, false)), ...CUSTOM.map((id) => entry(id, id, true)),
  ]);
  const list = data.applyFieldOverrides({
    data: await transformed(panel, await frames(panel, view, width)),
    fieldConfig: panel.fieldConfig, fieldConfigRegistry: registry, replaceVariables: (text) => text, theme, timeZone: 'utc',
  });
  data.cacheFieldDisplayNames?.(list);
  return list;
}
