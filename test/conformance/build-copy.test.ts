import { compareWithDocker } from './support/build-corpus.js'

for (const group of ['copy', 'sources'] as const) compareWithDocker(group)
