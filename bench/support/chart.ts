import { init } from 'echarts';
import type { Spread } from './contest.ts';

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

const width = 760;
const rowPx = 22;
const colors = ['#2563eb', '#94a3b8', '#f59e0b', '#10b981', '#ef4444', '#8b5cf6'];

/** The chart as SVG. */
export function draw(chart: Chart): string {
  const names = Object.keys(chart.series);
  const height = chart.kind === 'bars' ? 110 + chart.labels.length * (names.length * rowPx + 10) : 380;
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height });
  drawing.setOption({
    color: colors,
    backgroundColor: '#ffffff',
    animation: false,
    title: { text: chart.title, subtext: chart.unit, left: 12, top: 8 },
    legend: { data: names, right: 12, top: 12 },
    ...(chart.kind === 'bars' ? bars(chart) : lines(chart)),
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return `${svg}\n`;
}

function bars({ labels, series }: Bars): object {
  return {
    grid: { left: 12, right: 60, top: 64, bottom: 12, containLabel: true },
    xAxis: { type: 'value', min: 0 },
    yAxis: { type: 'category', data: [...labels], inverse: true },
    series: Object.entries(series).map(([name, spreads]) => ({
      name,
      type: 'bar',
      barMaxWidth: 18,
      label: { show: true, position: 'right', formatter: ({ value }: { value: number }) => value.toLocaleString('en') },
      data: spreads.map((spread) => spread?.median ?? null),
      markLine: {
        symbol: ['none', 'none'],
        silent: true,
        label: { show: false },
        lineStyle: { type: 'solid', color: '#0f172a', width: 1 },
        data: spreads.flatMap((spread, at) => (spread ? [rangeOf(spread, labels[at]!)] : [])),
      },
    })),
  };
}

function rangeOf({ min, max }: Spread, label: string): object[] {
  return [{ coord: [min, label] }, { coord: [max, label] }];
}

function lines({ labels, over, series }: Lines): object {
  return {
    grid: { left: 12, right: 24, top: 64, bottom: 32, containLabel: true },
    xAxis: { type: 'category', data: [...labels], name: over, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'value', min: 0 },
    series: Object.entries(series).map(([name, values]) => ({
      name,
      type: 'line',
      symbolSize: 7,
      label: { show: true, formatter: ({ value }: { value: number }) => value.toLocaleString('en') },
      data: values.map((value) => value ?? null),
    })),
  };
}
