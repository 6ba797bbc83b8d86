import { describe, expect, it } from 'vitest'
import { type EngineEvent, toEvent } from './event.js'
import { type EventFilters, eventFilter } from './filters.js'
import type { EventType } from './types.js'

const event = (Type: EventType, Action: string, ID: string, Attributes: Record<string, string> = {}): EngineEvent =>
  toEvent({ Type, Action, Actor: { ID, Attributes }, scope: 'local', time: 0, timeNano: 0 }, 0n)

const web = { name: 'web-1', image: 'localhost:5000/me/app:1', tier: 'front' }
const events = {
  create: event('container', 'create', 'abc123', web),
  exec: event('container', 'exec_create: sh -c true', 'abc123', web),
  healthy: event('container', 'health_status: healthy', 'abc123', web),
  other: event('container', 'die', 'def456', { name: 'db', image: 'redis:7', tier: 'back', exitCode: '1' }),
  pull: event('image', 'pull', 'redis:7', { name: 'redis' }),
  tag: event('image', 'tag', 'sha256:11', { name: 'redis:7' }),
  network: event('network', 'connect', 'net1', { name: 'front', container: 'abc123', type: 'bridge' }),
  volume: event('volume', 'mount', 'data', { container: 'abc123', driver: 'local' }),
}

const fitting = (filters: EventFilters) => {
  const fits = eventFilter(filters)
  return Object.entries(events).flatMap(([name, one]) => (fits(one) ? [name] : []))
}

describe('filters of events', () => {
  it('lets all through when there are none', () => {
    expect(fitting({})).toEqual(Object.keys(events))
    expect(fitting({ container: [] })).toEqual(Object.keys(events))
  })

  it.each<[EventFilters, readonly string[]]>([
    [{ type: 'image' }, ['pull', 'tag']],
    [{ type: ['network', 'volume'] }, ['network', 'volume']],
    [{ scope: 'swarm' }, []],
    [{ container: 'web-1' }, ['create', 'exec', 'healthy']],
    [{ container: 'abc' }, ['create', 'exec', 'healthy']],
    [{ container: ['db', 'web'] }, ['create', 'exec', 'healthy', 'other']],
    [{ network: 'front' }, ['network']],
    [{ volume: 'data' }, ['volume']],
    [{ event: 'create' }, ['create']],
    [{ event: 'exec_create' }, ['exec']],
    [{ event: 'health_status: healthy' }, ['healthy']],
    [{ event: ['health_status', 'd'] }, ['healthy', 'other']],
    [{ event: 'd' }, []],
    [{ image: 'redis' }, ['other', 'pull', 'tag']],
    [{ image: 'redis:7' }, ['other', 'pull', 'tag']],
    [{ image: 'localhost:5000/me/app' }, ['create', 'exec', 'healthy']],
    [{ label: 'tier' }, ['create', 'exec', 'healthy', 'other']],
    [{ label: ['tier=back', 'exitCode'] }, ['other']],
    [{ type: 'container', event: ['create', 'die'], label: 'tier=front' }, ['create']],
  ])('%j fits %j', (filters, names) => {
    expect(fitting(filters)).toEqual(names)
  })
})
