/* Status codes of every firmware function: 0 is success, negatives are errors.
 * The same numbers travel in protocol answers (as the positive magnitude), see PROTOCOL.md. */
#ifndef POSE_STATUS_H
#define POSE_STATUS_H

enum pose_status {
    POSE_OK = 0,
    POSE_ERR_COMMAND = -1,   /* unknown command */
    POSE_ERR_LENGTH = -2,    /* a length is wrong or out of bounds */
    POSE_ERR_PARAM = -3,     /* a parameter is out of range */
    POSE_ERR_VERSION = -4,   /* protocol or image version not supported */
    POSE_ERR_BUSY = -5,      /* an inference is running; only uploads are taken */
    POSE_ERR_STATE = -6,     /* not possible now (no network, slot not filled) */
    POSE_ERR_CRC = -7,       /* checksum mismatch */
    POSE_ERR_NO_NETWORK = -8,/* no network image at the network address (bad magic) */
    POSE_ERR_IMAGE = -9,     /* the network image is malformed */
    POSE_ERR_OPERATOR = -10, /* no kernel for an operator of the image */
    POSE_ERR_MEMORY = -11,   /* the arena, a slot or a scratch buffer is too small */
    POSE_ERR_SELF_TEST = -12,
    POSE_ERR_INTERNAL = -13
};

#endif
