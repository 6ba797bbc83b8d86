export type { DriverName, PreparedLayer, SnapshotDriver } from './driver.js'
export { openSnapshots, type SnapshotOptions } from './open.js'
export type { DirectoryRootfs, OverlayRootfs, Rootfs } from './rootfs.js'
