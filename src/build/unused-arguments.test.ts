import { expect, test } from 'vitest'
import { parseDockerfile } from '../dockerfile/index.js'
import { unusedArguments } from './unused-arguments.js'

test('names that no ARG declares, but for those that need none', () => {
  const dockerfile = parseDockerfile('ARG BASE=busybox\nFROM $BASE\nARG A B\nFROM scratch\nARG C')
  const given = ['BASE', 'A', 'C', 'MISSPELT', 'http_proxy', 'SOURCE_DATE_EPOCH', 'OTHER']
  expect(unusedArguments(dockerfile, given)).toEqual(['MISSPELT', 'OTHER'])
})
