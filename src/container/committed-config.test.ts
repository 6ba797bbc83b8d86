import { expect, test } from 'vitest'
import { filledUp } from './committed-config.js'

const has = {
  User: 'redis',
  Env: ['PATH=/bin', 'A=1'],
  Entrypoint: ['/entry'],
  Cmd: ['serve'],
  Labels: { a: '1', b: '2' },
  ExposedPorts: { '80/tcp': {} },
  Healthcheck: { Test: ['CMD', 'true'], Retries: 3 },
}

// As dockerd merges the configuration of a commit with that of the container.
test.each([
  [{}, has],
  [{ User: '', Env: null, Cmd: [], Labels: null }, has],
  [{ Env: ['A=2', 'B=3'] }, { ...has, Env: ['A=2', 'B=3', 'PATH=/bin'] }],
  [{ Labels: { a: '9', c: '3' } }, { ...has, Labels: { a: '9', b: '2', c: '3' } }],
  [{ ExposedPorts: { '90/tcp': {} } }, { ...has, ExposedPorts: { '80/tcp': {}, '90/tcp': {} } }],
  [{ Healthcheck: { Retries: 5 } }, { ...has, Healthcheck: { Test: ['CMD', 'true'], Retries: 5 } }],
  [{ Cmd: ['other'] }, { ...has, Cmd: ['other'] }],
])('%j is filled up', (given, filled) => {
  expect(filledUp(given, has)).toEqual(filled)
})

test('a new entrypoint does not get the old command, and none takes the old one away', () => {
  expect(filledUp({ Entrypoint: ['/new'] }, has)).not.toHaveProperty('Cmd')
  expect(filledUp({ Entrypoint: [] }, has)).toMatchObject({ Cmd: ['serve'] })
  expect(filledUp({ Entrypoint: [] }, has)).not.toHaveProperty('Entrypoint')
})
