import { expect, test } from 'vitest'
import { lifeOf, type Settled } from './inspect-state.js'
import { humanDuration, statusText } from './status-text.js'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

test.each([
  [-5, 'Less than a second'],
  [999, 'Less than a second'],
  [1000, '1 second'],
  [59_999, '59 seconds'],
  [minute, 'About a minute'],
  [119 * second, 'About a minute'],
  [2 * minute, '2 minutes'],
  [59.9 * minute, '59 minutes'],
  [hour, 'About an hour'],
  [89 * minute, 'About an hour'],
  [90 * minute, '2 hours'],
  [47 * hour, '47 hours'],
  [48 * hour, '2 days'],
  [13 * day, '13 days'],
  [14 * day, '2 weeks'],
  [59 * day, '8 weeks'],
  [60 * day, '2 months'],
  [729 * day, '24 months'],
  [730 * day, '2 years'],
])('%d ms are %j, as Docker says it', (ms, text) => {
  expect(humanDuration(ms)).toBe(text)
})

const at = 1_795_237_828_000
const ns = (ms: number) => `${ms}000000`
const outcome = {
  startedAtNs: ns(at - 10 * minute),
  finishedAtNs: ns(at - 3 * second),
  exitCode: 137,
  signal: 9,
  oomKilled: false,
}
const running = {
  status: 'running',
  pid: 1,
  startedAtNs: ns(at - 5 * minute),
  finishedAtNs: '0',
  paused: false,
  restarts: 0,
} as const

// biome-ignore format: a table
test.each<[string, Settled]>([
  ['Created', { status: 'created' }],
  ['Created', { status: 'starting' }],
  ['Up 5 minutes', running],
  ['Up 5 minutes (Paused)', { ...running, paused: true }],
  ['Restarting (137) 3 seconds ago', { status: 'restarting', outcome, restarts: 1, restartAtNs: ns(at) }],
  ['Exited (137) 3 seconds ago', { status: 'exited', outcome }],
  ['Removal In Progress', { status: 'removing' }],
])('%j is the status of %j', (text, observed) => {
  expect(statusText(lifeOf(outcome, observed), undefined, at)).toBe(text)
})

test.each([
  ['healthy', 'Up 5 minutes (healthy)'],
  ['starting', 'Up 5 minutes (health: starting)'],
] as const)('one that is %s says so', (health, text) => {
  expect(statusText(lifeOf(undefined, running), health, at)).toBe(text)
})
