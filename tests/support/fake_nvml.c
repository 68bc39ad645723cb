/* A stand-in for libnvidia-ml.so.1, so that the real binding (pynvml) and our probe can be tested
 * on a machine without a GPU.
 *
 * The machine it plays is the text file named by $STANDIN_NVML, read anew at every call, so a test
 * changes it while the probe runs. One thing a line:
 *
 *   gpu INDEX TOTAL USED RESERVED UTIL% TEMPERATURE_C POWER_mW LIMIT_mW UUID NAME...
 *   card INDEX GEN GEN_MAX WIDTH WIDTH_MAX PERSISTENCE ECC MIG BUS_ID   else: not supported
 *   process GPU PID BYTES          BYTES may be "na": NVML does not say
 *   fail SYMBOL CODE [GPU]         that function answers the nvmlReturn_t; of one GPU only
 *   hang SYMBOL MILLISECONDS       that function takes so long
 *
 * No file: the driver is not loaded. Only what pynvml asks for is here, with the layouts of nvml.h.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    VERSION_MISMATCH = 25,
};

enum { MOST_GPUS = 8, MOST_PROCESSES = 64, MOST_RULES = 32, ANY_GPU = -1 };

typedef struct {
    int present;
    uint64_t total, used, reserved;
    unsigned utilization, temperature, power, limit;
    char uuid[96], name[96];
    int has_card;
    unsigned gen, gen_max, width, width_max, persistence, ecc, mig;
    char bus[32];
} Gpu;

typedef struct {
    int gpu;
    unsigned pid;
    uint64_t bytes;
} Process;

typedef struct {
    char symbol[64];
    int value, gpu;
} Rule;

static Gpu gpus[MOST_GPUS];
static Process processes[MOST_PROCESSES];
static Rule failures[MOST_RULES], hangs[MOST_RULES];
static int gpu_count, process_count, failure_count, hang_count, sessions;

static void read_line(const char *line)
{
    Gpu gpu = {.present = 1};
    Process process = {0};
    Rule rule = {.gpu = ANY_GPU};
    int index;
    char bytes[32];

    if (sscanf(line, "gpu %d %lu %lu %lu %u %u %u %u %95s %95[^\n]", &index, &gpu.total, &gpu.used,
               &gpu.reserved, &gpu.utilization, &gpu.temperature, &gpu.power, &gpu.limit, gpu.uuid,
               gpu.name) == 10 && index < MOST_GPUS) {
        gpus[index] = gpu;
        if (index >= gpu_count)
            gpu_count = index + 1;
    } else if (sscanf(line, "card %d", &index) == 1 && index < MOST_GPUS) {
        Gpu *known = &gpus[index];

        known->has_card = sscanf(line, "card %*d %u %u %u %u %u %u %u %31s", &known->gen,
                                 &known->gen_max, &known->width, &known->width_max,
                                 &known->persistence, &known->ecc, &known->mig, known->bus) == 8;
    } else if (sscanf(line, "process %d %u %31s", &process.gpu, &process.pid, bytes) == 3 &&
               process_count < MOST_PROCESSES) {
        process.bytes = strcmp(bytes, "na") ? strtoull(bytes, NULL, 10) : UINT64_MAX;
        processes[process_count++] = process;
    } else if (sscanf(line, "fail %63s %d %d", rule.symbol, &rule.value, &rule.gpu) >= 2 &&
               failure_count < MOST_RULES) {
        failures[failure_count++] = rule;
    } else if (sscanf(line, "hang %63s %d", rule.symbol, &rule.value) == 2 &&
               hang_count < MOST_RULES) {
        hangs[hang_count++] = rule;
    }
}

static int look(void)
{
    const char *path = getenv("STANDIN_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[512];

    memset(gpus, 0, sizeof gpus);
    gpu_count = process_count = failure_count = hang_count = 0;
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        read_line(line);
    fclose(file);
    return 1;
}

/* What every function does first; gpu is ANY_GPU for those that have none. */
static int begin(const char *symbol, int gpu)
{
    int loaded = look();

    for (int i = 0; i < hang_count; i++)
        if (!strcmp(hangs[i].symbol, symbol))
            usleep(1000u * (unsigned)hangs[i].value);
    for (int i = 0; i < failure_count; i++)
        if (!strcmp(failures[i].symbol, symbol) &&
            (failures[i].gpu == ANY_GPU || failures[i].gpu == gpu))
            return failures[i].value;
    if (!loaded)
        return DRIVER_NOT_LOADED;
    return SUCCESS;
}

static int begin_in_session(const char *symbol, int gpu)
{
    int code = begin(symbol, gpu);

    if (code)
        return code;
    if (!sessions)
        return UNINITIALIZED;
    if (gpu != ANY_GPU && (gpu < 0 || gpu >= gpu_count || !gpus[gpu].present))
        return INVALID_ARGUMENT;
    return SUCCESS;
}

#define IN_SESSION                                                                                 \
    do {                                                                                           \
        int code_ = begin_in_session(__func__, ANY_GPU);                                           \
        if (code_)                                                                                 \
            return code_;                                                                          \
    } while (0)

/* A handle is the index plus one, so that it is never NULL. */
#define OF_GPU                                                                                     \
    int index = (int)(intptr_t)handle - 1;                                                         \
    do {                                                                                           \
        int code_ = begin_in_session(__func__, index);                                             \
        if (code_)                                                                                 \
            return code_;                                                                          \
    } while (0);                                                                                   \
    Gpu *gpu = &gpus[index]

static int answer_text(char *buffer, unsigned size, const char *text)
{
    if (strlen(text) + 1 > size)
        return INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return SUCCESS;
}

API int nvmlInitWithFlags(unsigned flags)
{
    int code = begin(__func__, ANY_GPU);

    (void)flags;
    if (!code)
        sessions++;
    return code;
}

API int nvmlShutdown(void)
{
    int code = begin(__func__, ANY_GPU);

    if (code)
        return code;
    if (!sessions)
        return UNINITIALIZED;
    sessions--;
    return SUCCESS;
}

API const char *nvmlErrorString(int code)
{
    return code == VERSION_MISMATCH ? "Argument version mismatch" : "an error of the stand-in";
}

API int nvmlDeviceGetCount_v2(unsigned *count)
{
    IN_SESSION;
    *count = (unsigned)gpu_count;
    return SUCCESS;
}

API int nvmlDeviceGetHandleByIndex_v2(unsigned wanted, void **out)
{
    int code = begin_in_session(__func__, (int)wanted);

    *out = (void *)(intptr_t)(wanted + 1);
    return code;
}

API int nvmlDeviceGetName(void *handle, char *buffer, unsigned size)
{
    OF_GPU;
    return answer_text(buffer, size, gpu->name);
}

API int nvmlDeviceGetUUID(void *handle, char *buffer, unsigned size)
{
    OF_GPU;
    return answer_text(buffer, size, gpu->uuid);
}

typedef struct {
    uint64_t total, free, used;
} MemoryV1;

typedef struct {
    unsigned version;
    uint64_t total, reserved, free, used;
} MemoryV2;

/* Version 1 counts the driver's reserve as used. */
API int nvmlDeviceGetMemoryInfo(void *handle, MemoryV1 *memory)
{
    OF_GPU;
    memory->total = gpu->total;
    memory->used = gpu->used + gpu->reserved;
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

API int nvmlDeviceGetMemoryInfo_v2(void *handle, MemoryV2 *memory)
{
    OF_GPU;
    if (memory->version != (sizeof *memory | 2u << 24))
        return VERSION_MISMATCH;
    memory->total = gpu->total;
    memory->used = gpu->used;
    memory->reserved = gpu->reserved;
    memory->free = gpu->total - gpu->used - gpu->reserved;
    return SUCCESS;
}

API int nvmlDeviceGetUtilizationRates(void *handle, unsigned *rates)
{
    OF_GPU;
    rates[0] = gpu->utilization;
    rates[1] = 0;
    return SUCCESS;
}

API int nvmlDeviceGetTemperature(void *handle, unsigned sensor, unsigned *temperature)
{
    OF_GPU;
    if (sensor)
        return INVALID_ARGUMENT;
    *temperature = gpu->temperature;
    return SUCCESS;
}

typedef struct {
    unsigned version, sensor;
    int temperature;
} TemperatureV1;

API int nvmlDeviceGetTemperatureV(void *handle, TemperatureV1 *out)
{
    OF_GPU;
    if (out->version != (sizeof *out | 1u << 24))
        return VERSION_MISMATCH;
    out->temperature = (int)gpu->temperature;
    return SUCCESS;
}

API int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts)
{
    OF_GPU;
    *milliwatts = gpu->power;
    return SUCCESS;
}

API int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *milliwatts)
{
    OF_GPU;
    *milliwatts = gpu->limit;
    return SUCCESS;
}

API int nvmlSystemGetDriverVersion(char *buffer, unsigned size)
{
    IN_SESSION;
    return answer_text(buffer, size, "570.133.20");
}

API int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    IN_SESSION;
    *version = 12080;
    return SUCCESS;
}

/* The functions that answer one number of a card. */
#define ANSWER(NAME, FIELD)                                                                        \
    API int NAME(void *handle, unsigned *out)                                                      \
    {                                                                                              \
        OF_GPU;                                                                                    \
        if (!gpu->has_card)                                                                        \
            return NOT_SUPPORTED;                                                                  \
        *out = gpu->FIELD;                                                                         \
        return SUCCESS;                                                                            \
    }

ANSWER(nvmlDeviceGetCurrPcieLinkGeneration, gen)
ANSWER(nvmlDeviceGetMaxPcieLinkGeneration, gen_max)
ANSWER(nvmlDeviceGetCurrPcieLinkWidth, width)
ANSWER(nvmlDeviceGetMaxPcieLinkWidth, width_max)
ANSWER(nvmlDeviceGetPersistenceMode, persistence)

/* And those that answer a mode and the one after the next reset, which here is the other one. */
#define ANSWER_MODE(NAME, FIELD)                                                                   \
    API int NAME(void *handle, unsigned *current, unsigned *pending)                               \
    {                                                                                              \
        OF_GPU;                                                                                    \
        if (!gpu->has_card)                                                                        \
            return NOT_SUPPORTED;                                                                  \
        *current = gpu->FIELD;                                                                     \
        *pending = !gpu->FIELD;                                                                    \
        return SUCCESS;                                                                            \
    }

ANSWER_MODE(nvmlDeviceGetEccMode, ecc)
ANSWER_MODE(nvmlDeviceGetMigMode, mig)

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char bus_id[32];
} PciInfo;

API int nvmlDeviceGetPciInfo_v3(void *handle, PciInfo *info)
{
    OF_GPU;
    if (!gpu->has_card)
        return NOT_SUPPORTED;
    memset(info, 0, sizeof *info);
    strcpy(info->bus_id, gpu->bus);
    return SUCCESS;
}

typedef struct {
    unsigned pid;
    uint64_t bytes;
    unsigned gpu_instance, compute_instance;
} ProcessInfo;

API int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, ProcessInfo *out)
{
    unsigned room = *count;

    OF_GPU;
    (void)gpu;
    *count = 0;
    for (int i = 0; i < process_count; i++) {
        if (processes[i].gpu != index)
            continue;
        if (out && *count < room)
            out[*count] = (ProcessInfo){processes[i].pid, processes[i].bytes, ~0u, ~0u};
        (*count)++;
    }
    return *count > room ? INSUFFICIENT_SIZE : SUCCESS;
}
