import { expect, test } from 'vitest'
import { isSameProcess, type Observed, type Running } from './observe.js'

const running: Running = {
  status: 'running',
  pid: 1234,
  startedAtNs: '1700000000000000000',
  paused: false,
  restarts: 0,
  finishedAtNs: '0',
}

test.each<[string, Observed, boolean]>([
  ['itself', running, true],
  ['itself when it is paused', { ...running, paused: true }, true],
  ['another one', { ...running, pid: 1235 }, false],
  ['one of a later start that got its number', { ...running, startedAtNs: '1700000000000000001', restarts: 1 }, false],
  ['none', { status: 'starting' }, false],
])('a process is compared with %s', (_name, after, isSame) => {
  expect(isSameProcess(running, after)).toBe(isSame)
})
