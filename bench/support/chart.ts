import { init, setPlatformAPI } from 'echarts';
import type { Spread, Standings } from './contest.ts';

/** Bars: one group for each label, one bar in it for each series; a thin line goes from the lowest to the highest round. */
export interface Bars {
  readonly kind: 'bars';
  readonly title: string;
  readonly unit: string;
  readonly labels: readonly string[];
  /** In each series, one spread per label; undefined where there is none. */
  readonly series: Readonly<Record<string, readonly (Spread | undefined)[]>>;
}

/** Lines over a common axis. */
export interface Lines {
  readonly kind: 'lines';
  readonly title: string;
  readonly unit: string;
  readonly over: string;
  readonly labels: readonly string[];
  readonly series: Readonly<Record<string, readonly (number | undefined)[]>>;
}

export type Chart = Bars | Lines;

/** What is drawn of standings: in each group of bars a contestant, in each bar the figure of that name. */
export interface BarsOf extends Pick<Bars, 'title' | 'unit'> {
  /** By their names in the legend. */
  readonly figures: Readonly<Record<string, string>>;
}

/** Leaves out contestants that have none of the figures. */
export function barsOf(standings: Standings, { title, unit, figures }: BarsOf): Bars {
  const shown = Object.entries(standings).filter(([, had]) => Object.values(figures).some((figure) => figure in had));
  const series = Object.entries(figures).map(([name, figure]) => [name, shown.map(([, had]) => had[figure])] as const);
  return { kind: 'bars', title, unit, labels: shown.map(([name]) => name), series: Object.fromEntries(series) };
}

// Nobody knows here in which font somebody will see the chart: letters are taken to be as wide as those of the widest usual one (DejaVu
// Sans). ECharts asks for a Chinese letter as well, which is a square, to know how high a line is.
const letterEm = 0.62;
setPlatformAPI({
  measureText(text, font = '12px') {
    const em = Number.parseFloat(/[\d.]+(?=px)/.exec(font)![0]);
    return { width: text === '国' ? em : text.length * em * letterEm };
  },
});

const width = 760;
const rowPx = 22;
/** The title, what it counts, and the legend, each on a line of its own. */
const headPx = 92;
const colors = ['#2563eb', '#94a3b8', '#f59e0b', '#10b981', '#ef4444', '#8b5cf6'];

/** The chart as SVG. */
export function draw(chart: Chart): string {
  const names = Object.keys(chart.series);
  const height = chart.kind === 'bars' ? headPx + 46 + chart.labels.length * (names.length * rowPx + 10) : 410;
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height });
  drawing.setOption({
    color: colors,
    backgroundColor: '#ffffff',
    animation: false,
    title: { text: chart.title, subtext: chart.unit, left: 12, top: 8 },
    legend: { data: names, left: 8, top: 58, itemGap: 24 },
    ...(chart.kind === 'bars' ? bars(chart) : lines(chart)),
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return `${svg}\n`;
}

const inThousands = { formatter: (value: number) => value.toLocaleString('en') };
const labelOf = ({ value }: { readonly value: number }) => value.toLocaleString('en');

function bars({ labels, series }: Bars): object {
  const highest = Object.values(series).flatMap((spreads) =>
    spreads.flatMap((spread, at) => (spread ? [[spread.max, labels[at]!]] : [])),
  );
  return {
    grid: { left: 24, right: 72, top: headPx, bottom: 12, containLabel: true },
    xAxis: { type: 'value', min: 0, axisLabel: inThousands },
    yAxis: { type: 'category', data: [...labels], inverse: true },
    series: [
      ...Object.entries(series).map(([name, spreads]) => barsOfSeries(name, spreads, labels)),
      // Nothing to be seen, but the axis reaches as far: a range that ends beyond it is not drawn at all.
      { type: 'scatter', symbolSize: 0, silent: true, data: highest },
    ],
  };
}

function barsOfSeries(name: string, spreads: readonly (Spread | undefined)[], labels: readonly string[]): object {
  return {
    name,
    type: 'bar',
    barMaxWidth: 18,
    label: { position: 'right', formatter: labelOf },
    data: spreads.map((spread) => spread && { value: spread.median, label: { show: !isRange(spread) } }),
    markLine: {
      symbol: ['none', 'none'],
      silent: true,
      // The median: behind the line, which would strike it out beside the bar.
      label: { show: true, position: 'end', formatter: '{b}' },
      lineStyle: { type: 'solid', color: '#0f172a', width: 1 },
      data: spreads.flatMap((spread, at) => (spread && isRange(spread) ? [rangeOf(spread, labels[at]!)] : [])),
    },
  };
}

function isRange({ min, max }: Spread): boolean {
  return min < max;
}

function rangeOf({ median, min, max }: Spread, label: string): object[] {
  return [{ name: median.toLocaleString('en'), coord: [min, label] }, { coord: [max, label] }];
}

function lines({ labels, over, series }: Lines): object {
  return {
    grid: { left: 24, right: 32, top: headPx + 12, bottom: 32, containLabel: true },
    xAxis: { type: 'category', data: [...labels], name: over, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'value', min: 0, axisLabel: inThousands },
    series: Object.entries(series).map(([name, values]) => ({
      name,
      type: 'line',
      symbolSize: 7,
      label: { show: true, formatter: labelOf },
      data: values.map((value) => value ?? null),
    })),
  };
}
