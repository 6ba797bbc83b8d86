import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { traced } from './index.js'

const channel = tracingChannel('inboard:network.create')

/** All that is told until it is disposed of: which of the five channels, and the message as it was then. */
function listening() {
  const told: [event: string, message: object][] = []
  const listen = (event: string) => (message: object) => void told.push([event, { ...message }])
  const listeners = {
    start: listen('start'),
    end: listen('end'),
    asyncStart: listen('asyncStart'),
    asyncEnd: listen('asyncEnd'),
    error: listen('error'),
  }
  channel.subscribe(listeners)
  return { told, [Symbol.dispose]: () => void channel.unsubscribe(listeners) }
}

test('without a subscriber no message is made, and the work is done', async () => {
  const refuse = () => {
    throw new Error('a message was made')
  }
  expect(await traced('inboard:network.create', refuse, async (message) => [message])).toEqual([undefined])
})

test('a subscriber is told of the beginning and the end, and by then of what was found', async () => {
  using listener = listening()
  const result = await traced(
    'inboard:network.create',
    () => ({ name: 'net' }),
    async (message) => {
      await setImmediate()
      if (message) message.network = 'its id'
      return 'what the engine has of it'
    },
  )
  expect(result).toBe('what the engine has of it')
  expect(listener.told).toEqual([
    ['start', { name: 'net' }],
    ['end', { name: 'net' }],
    ['asyncStart', { name: 'net', network: 'its id', result: undefined }],
    ['asyncEnd', { name: 'net', network: 'its id', result: undefined }],
  ])
})

test('a failure is told, and thrown', async () => {
  using listener = listening()
  const error = new Error('no subnet is free')
  const failing = traced(
    'inboard:network.create',
    () => ({ name: 'net' }),
    async () => Promise.reject(error),
  )
  await expect(failing).rejects.toBe(error)
  expect(listener.told.map(([event]) => event)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
  expect(listener.told[2]).toEqual(['error', { name: 'net', error }])
})

test('a store that is bound to the channel is what the work has, and nobody else', async () => {
  const store = new AsyncLocalStorage<string>()
  channel.start.bindStore(store, (message) => `for ${(message as { name: string }).name}`)
  try {
    const work = async () => {
      await setImmediate()
      return store.getStore()
    }
    const named = (name: string) => traced('inboard:network.create', () => ({ name }), work)
    expect(await Promise.all([named('one'), named('other')])).toEqual(['for one', 'for other'])
    expect(store.getStore()).toBeUndefined()
  } finally {
    channel.start.unbindStore(store)
  }
})
