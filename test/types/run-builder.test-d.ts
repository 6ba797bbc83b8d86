import { expectTypeOf, test } from 'vitest'
import type { Container, Engine, RunBuilder, RunOutput } from '../../src/index.js'

declare const engine: Engine

test('every option of run gives a builder again', () => {
  expectTypeOf(engine.run('busybox').name('a').network('none').env({ A: 1 }).rm()).toEqualTypeOf<RunBuilder>()
})

test('awaiting a builder gives the container', () => {
  expectTypeOf<Awaited<RunBuilder>>().toEqualTypeOf<Container>()
})

test('output gives text and a code', () => {
  expectTypeOf<Awaited<ReturnType<RunBuilder['output']>>>().toEqualTypeOf<RunOutput>()
  expectTypeOf<RunOutput['exitCode']>().toEqualTypeOf<number>()
  expectTypeOf<RunOutput['stdout']>().toEqualTypeOf<string>()
})

test('an option that is not Docker’s is refused', () => {
  // @ts-expect-error
  engine.run('busybox').nmae('a')
  // @ts-expect-error
  engine.run('busybox', 'true')
})
