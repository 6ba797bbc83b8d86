{
  'variables': {
    'strict%': 0,
    'sanitize%': '',
  },
  'targets': [
    {
      'target_name': 'inboard',
      'sources': [
        'native/addon/main.cc',
        'native/addon/at.cc',
        'native/addon/attributes.cc',
        'native/addon/descriptors.cc',
        'native/addon/failure.cc',
        'native/addon/files.cc',
        'native/addon/kernel.cc',
        'native/addon/lock.cc',
        'native/addon/netlink-batch.cc',
        'native/addon/netlink.cc',
        'native/addon/network.cc',
        'native/addon/ports.cc',
        'native/addon/size.cc',
        'native/addon/spawn.cc',
        'native/addon/task.cc',
        'native/addon/text.cc',
        'native/addon/tree.cc',
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': ['NAPI_VERSION=9', 'NAPI_CPP_EXCEPTIONS', '_GNU_SOURCE'],
      'cflags': ['-Wall', '-Wextra', '-fvisibility=hidden'],
      'cflags!': ['-fno-exceptions'],
      'cflags_cc': ['-std=c++17', '-fexceptions'],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
      'conditions': [
        ['strict==1', {'cflags': ['-Werror']}],
        ['sanitize!=""', {
          'cflags': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer', '-fno-sanitize-recover=undefined', '-g', '-O1'],
          'ldflags': ['-fsanitize=<(sanitize)'],
        }],
      ],
    },
  ],
}
