/* Fields of ST's messages (stm32msg 3.1 and 3.2) by number, as far as the device reads or writes them. */
#ifndef POSE_APP_ST_FIELDS_H
#define POSE_APP_ST_FIELDS_H

/* reqMsg */
enum st_request_field { ST_REQID = 1, ST_CMD = 2, ST_PARAM = 3, ST_NAME = 4, ST_OPT = 5 };
/* respMsg; then one enum st_payload */
enum st_response_field { ST_RESPONSE_REQID = 1, ST_RESPONSE_STATE = 2 };
/* ackMsg */
enum st_ack_field { ST_ACK_PARAM = 1, ST_ACK_ERROR = 2 };
/* syncMsg */
enum st_sync_field { ST_SYNC_VERSION = 1, ST_SYNC_CAPABILITY = 4, ST_SYNC_RTID = 5 };
/* sysinfoMsg; generation A has no com_param and its extra has another number */
enum st_sinfo_field {
    ST_SINFO_DEVID = 1,
    ST_SINFO_SCLOCK = 2,
    ST_SINFO_HCLOCK = 3,
    ST_SINFO_CACHE = 4,
    ST_SINFO_A_EXTRA = 5,
    ST_SINFO_COM_PARAM = 5,
    ST_SINFO_EXTRA = 6
};
/* aiDataMsg */
enum st_data_field { ST_DATA_TYPE = 1, ST_DATA_SIZE = 2, ST_DATA_ADDR = 3, ST_DATA_BYTES = 4 };
/* aiTensorDescMsg */
enum st_desc_field {
    ST_DESC_NAME = 1,
    ST_DESC_FORMAT = 2,
    ST_DESC_SIZE = 3,
    ST_DESC_N_DIMS = 4,
    ST_DESC_DIMS = 5,
    ST_DESC_SCALE = 6,
    ST_DESC_ZEROPOINT = 7,
    ST_DESC_ADDR = 8,
    ST_DESC_FLAGS = 9
};
/* aiTensorMsg */
enum st_tensor_field { ST_TENSOR_MSG_DESC = 1, ST_TENSOR_MSG_DATA = 2 };
/* aiOperatorMsg */
enum st_operator_field {
    ST_OP_NAME = 1,
    ST_OP_TYPE = 2,
    ST_OP_ID = 3,
    ST_OP_DURATION = 4,
    ST_OP_COUNTER_TYPE = 5,
    ST_OP_COUNTERS = 6,
    ST_OP_STACK_USED = 7,
    ST_OP_HEAP_USED = 8
};
/* aiModelInfoMsg; the descriptions that are counted follow their count */
enum st_minfo_field {
    ST_MINFO_NAME = 1,
    ST_MINFO_RTID = 2,
    ST_MINFO_SIGNATURE = 3,
    ST_MINFO_COMPILE_DATETIME = 4,
    ST_MINFO_RUNTIME_VERSION = 5,
    ST_MINFO_TOOL_VERSION = 6,
    ST_MINFO_N_MACC = 7,
    ST_MINFO_N_NODES = 8,
    ST_MINFO_N_INPUTS = 10,
    ST_MINFO_N_OUTPUTS = 12,
    ST_MINFO_OUTPUTS = 13,
    ST_MINFO_N_ACTIVATIONS = 14,
    ST_MINFO_N_PARAMS = 16,
    ST_MINFO_RUNTIME_DESC = 20,
    ST_MINFO_N_INSTALL_TIME = 21,
    ST_MINFO_N_INIT_TIME = 22
};

#endif
