/** The tar that has no entries, which Docker does not count as a layer. */
export const emptyLayer = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'
