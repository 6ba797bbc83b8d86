import { compareWithDocker } from './support/build-corpus.js'

for (const group of ['variables', 'scopes', 'syntax', 'refused'] as const) compareWithDocker(group)
