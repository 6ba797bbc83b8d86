import { expect, it } from 'vitest'
import { sortAnnotations } from './annotations.js'

it('has annotations of the manifest unless they say otherwise', () => {
  expect(sortAnnotations({ a: '1', 'manifest:b': '2', 'index:c': '3', 'manifest,index:d': '4' })).toEqual({
    manifest: { a: '1', b: '2', d: '4' },
    index: { c: '3', d: '4' },
  })
})

it('has none where nothing is said', () => {
  expect(sortAnnotations({})).toEqual({ manifest: undefined, index: undefined })
})

it('keeps colons and any name', () => {
  expect(sortAnnotations(JSON.parse('{"manifest:a:b":"1","__proto__":"2"}')).manifest).toEqual(
    JSON.parse('{"a:b":"1","__proto__":"2"}'),
  )
})
