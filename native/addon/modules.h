#pragma once

#include <napi.h>

namespace inboard {

void defineAt(Napi::Object exports);
void defineAttributes(Napi::Object exports);
void defineDescriptors(Napi::Object exports);
void defineFiles(Napi::Object exports);
void defineKernel(Napi::Object exports);
void defineLock(Napi::Object exports);
void defineLoop(Napi::Object exports);
void defineMounts(Napi::Object exports);
void defineNetlink(Napi::Object exports);
void defineNetwork(Napi::Object exports);
void defineOpen(Napi::Object exports);
void definePorts(Napi::Object exports);
void defineScan(Napi::Object exports);
void defineSize(Napi::Object exports);
void defineSockets(Napi::Object exports);
void defineSpawn(Napi::Object exports);
void defineTree(Napi::Object exports);

}  // namespace inboard
