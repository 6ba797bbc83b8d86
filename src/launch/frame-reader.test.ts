import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameReader } from './frame-reader.js'
import { encodeFrame, type Frame } from './protocol.gen.js'

test('frames come out whole however the stream is cut', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 })
  const outputs = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 })
  fc.assert(
    fc.property(cuts, outputs, (sizes, chunks) => {
      const frames: Frame[] = [
        { type: 'started', pid: 7, startedAtNs: 5n, restarts: 0 },
        ...chunks.map((data) => ({ type: 'stdout' as const, data })),
      ]
      const bytes = Buffer.concat(frames.map(encodeFrame))
      const read: Frame[] = []
      const reader = new FrameReader((frame) => read.push(frame))
      for (let at = 0, cut = 0; at < bytes.length; cut++) {
        const size = sizes[cut % sizes.length] as number
        reader.push(bytes.subarray(at, at + size))
        at += size
      }
      expect(read.map((frame) => encodeFrame(frame))).toEqual(frames.map(encodeFrame))
    }),
  )
})
