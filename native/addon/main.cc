#include "modules.h"

// No state is kept between calls but the locks of netlink sockets, which all threads share, so that the addon can be loaded
// by any number of threads, any number of times.
static Napi::Object initialize(Napi::Env, Napi::Object exports) {
  inboard::defineAt(exports);
  inboard::defineAttributes(exports);
  inboard::defineDescriptors(exports);
  inboard::defineFiles(exports);
  inboard::defineKernel(exports);
  inboard::defineLock(exports);
  inboard::defineLoop(exports);
  inboard::defineMounts(exports);
  inboard::defineNetlink(exports);
  inboard::defineNetwork(exports);
  inboard::defineOpen(exports);
  inboard::definePorts(exports);
  inboard::defineScan(exports);
  inboard::defineSize(exports);
  inboard::defineSockets(exports);
  inboard::defineSpawn(exports);
  inboard::defineTree(exports);
  return exports;
}

NODE_API_MODULE(inboard, initialize)
