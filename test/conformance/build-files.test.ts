import { compareWithDocker } from './support/build-corpus.js'

for (const group of ['add', 'layers'] as const) compareWithDocker(group)
