import { expectTypeOf, test } from 'vitest'
import { type ErrorCode, type InboardError, LaunchError } from '../../src/index.js'

test('the code of an error is one of a closed list', () => {
  expectTypeOf<InboardError['code']>().toEqualTypeOf<ErrorCode>()
  expectTypeOf<'IMAGE_NOT_FOUND'>().toExtend<ErrorCode>()
  expectTypeOf<'NO_SUCH_CODE'>().not.toExtend<ErrorCode>()
})

test('a failed launch has an exit code', () => {
  expectTypeOf(LaunchError.prototype.exitCode).toEqualTypeOf<number>()
})
