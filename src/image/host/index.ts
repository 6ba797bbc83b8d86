/** Images of the host's own programs; loaded with the first one that is made. */
export { makeHostImage, reuseHostImage } from './from-host.js'
export { normalizeFromHost } from './options.js'
