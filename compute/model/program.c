/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/program.h"
#include "compute/model/op.h"

typedef struct compiler {
    weir_program_shared *shared;
    const weir_graph *graph;
    weir_program *program;
    uint32_t *maker; /* per value: the node that makes it, or WEIR_NO_VALUE */
    uint32_t *order; /* nodes that are needed, makers first */
    size_t order_count;
    size_t bytes_used;
    double work_used;
} compiler;

/* --- order
 * ------------------------------------------------------------------------------------------ */

static weir_error *find_makers(compiler *c, weir_arena *scratch)
{
    const weir_graph *graph = c->graph;
    c->maker = weir_arena_array(scratch, uint32_t, graph->value_count + 1);
    memset(c->maker, 0xff, (graph->value_count + 1) * sizeof(uint32_t));
    bool *is_input = weir_arena_array(scratch, bool, graph->value_count + 1);
    for (size_t p = 0; p < graph->input_count; p++)
        is_input[graph->inputs[p].value] = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        const weir_node *node = &graph->nodes[i];
        for (size_t o = 0; o < node->output_count; o++) {
            uint32_t value = node->outputs[o];
            if (value == WEIR_NO_VALUE) continue;
            if (c->maker[value] != WEIR_NO_VALUE || graph->constants[value] != NULL ||
                is_input[value])
                return weir_error_new(WEIR_E_MODEL,
                                      "value '%s' is made twice; each name may be made once",
                                      graph->value_names[value]);
            c->maker[value] = (uint32_t)i;
        }
    }
    return NULL;
}

enum { FRESH, OPEN, DONE };

typedef struct frame {
    uint32_t node, next_input;
} frame;

/* Depth first from one node, with a stack of our own: a file may chain 100,000 nodes. */
static weir_error *visit(compiler *c, uint32_t root, uint8_t *state, frame *stack)
{
    const weir_graph *graph = c->graph;
    size_t depth = 0;
    if (state[root] == DONE) return NULL;
    state[root] = OPEN;
    stack[depth++] = (frame){root, 0};
    while (depth > 0) {
        frame *top = &stack[depth - 1];
        const weir_node *node = &graph->nodes[top->node];
        if (top->next_input == node->input_count) {
            state[top->node] = DONE;
            c->order[c->order_count++] = top->node;
            depth--;
            continue;
        }
        uint32_t value = node->inputs[top->next_input++];
        if (value == WEIR_NO_VALUE || c->maker[value] == WEIR_NO_VALUE) continue;
        uint32_t maker = c->maker[value];
        if (state[maker] == OPEN)
            return weir_error_new(WEIR_E_MODEL, "the graph has a circle through node '%s' (%s)",
                                  graph->nodes[maker].name, graph->nodes[maker].op);
        if (state[maker] == DONE) continue;
        state[maker] = OPEN;
        stack[depth++] = (frame){maker, 0};
    }
    return NULL;
}

/* Every node is ordered, so that a circle is found wherever it is; those that no output needs are
 * dropped. */
static weir_error *find_order(compiler *c, weir_arena *scratch)
{
    const weir_graph *graph = c->graph;
    uint8_t *state = weir_arena_array(scratch, uint8_t, graph->node_count + 1);
    frame *stack = weir_arena_array(scratch, frame, graph->node_count + 1);
    c->order = weir_arena_array(scratch, uint32_t, graph->node_count + 1);
    for (size_t i = 0; i < graph->node_count; i++)
        WEIR_TRY(visit(c, (uint32_t)i, state, stack));
    bool *needed = weir_arena_array(scratch, bool, graph->value_count + 1);
    for (size_t i = 0; i < graph->output_count; i++)
        needed[graph->outputs[i].value] = true;
    size_t kept = 0;
    for (size_t i = c->order_count; i-- > 0;) {
        const weir_node *node = &graph->nodes[c->order[i]];
        bool keep = false;
        for (size_t o = 0; o < node->output_count; o++)
            keep |= node->outputs[o] != WEIR_NO_VALUE && needed[node->outputs[o]];
        state[c->order[i]] = keep;
        for (size_t n = 0; keep && n < node->input_count; n++)
            if (node->inputs[n] != WEIR_NO_VALUE) needed[node->inputs[n]] = true;
    }
    for (size_t i = 0; i < c->order_count; i++)
        if (state[c->order[i]]) c->order[kept++] = c->order[i];
    c->order_count = kept;
    return NULL;
}

/* --- one node
 * --------------------------------------------------------------------------------------- */

static weir_error *check_inputs(const compiler *c, const weir_node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        uint32_t value = node->inputs[i];
        if (value == WEIR_NO_VALUE || c->program->slots[value].is_made) continue;
        return weir_error_new(WEIR_E_MODEL, "node '%s' (%s): its input '%s' is made by nothing",
                              node->name, node->op, c->graph->value_names[value]);
    }
    return NULL;
}

static weir_error *check_arity(const weir_op_call *call)
{
    const weir_op *op = call->op;
    const weir_node *node = call->node;
    if (node->input_count < op->inputs_min ||
        (op->inputs_max != 255 && node->input_count > op->inputs_max))
        return weir_call_fail(call, "it has %u inputs", node->input_count);
    if (op->outputs_max != 255 && node->output_count > op->outputs_max)
        return weir_call_fail(call, "it has %u outputs", node->output_count);
    for (size_t i = 0; i < op->inputs_min; i++)
        if (node->inputs[i] == WEIR_NO_VALUE)
            return weir_call_fail(call, "input %zu is left out", i);
    if (call->opset < op->since)
        return weir_call_fail(call, "the operator exists since opset %u, the model imports %d",
                              op->since, call->opset);
    return NULL;
}

static weir_error *find_op(const compiler *c, const weir_node *node, weir_op_call *call)
{
    call->op = weir_op_find(node->domain, node->op);
    if (call->op == NULL)
        return weir_error_new(
            WEIR_E_MODEL,
            "node '%s': operator %s%s%s is not supported; see docs/formats/models.md for "
            "those that are",
            node->name, node->domain, node->domain[0] == 0 ? "" : ".", node->op);
    call->opset = call->op->is_ml ? c->graph->ml_opset : c->graph->opset;
    return NULL;
}

static bool is_constant(const compiler *c, const weir_node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] != WEIR_NO_VALUE && c->program->slots[node->inputs[i]].constant == NULL)
            return false;
    return true;
}

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* Computes a node whose inputs are all known, and keeps its outputs as constants. */
static weir_error *fold(compiler *c, weir_step *step, weir_arena *scratch)
{
    weir_program *program = c->program;
    void **data = weir_arena_array(scratch, void *, program->slot_count);
    for (size_t i = 0; i < step->in_count; i++)
        if (step->in[i] != WEIR_NO_VALUE)
            data[step->in[i]] = (void *)program->slots[step->in[i]].constant;
    for (size_t i = 0; i < step->out_count; i++)
        if (step->out[i] != WEIR_NO_VALUE) {
            weir_slot *slot = &program->slots[step->out[i]];
            data[step->out[i]] =
                weir_arena_calloc(c->shared->into, slot->count, weir_kind_size(slot->kind));
        }
    /* Scratch lives with the program: a cast to text leaves its characters there. */
    if (step->scratch != WEIR_NO_VALUE)
        data[step->scratch] =
            weir_arena_alloc(c->shared->into, program->slots[step->scratch].count);
    WEIR_TRY(step->run(step, data));
    for (size_t i = 0; i < step->out_count; i++)
        if (step->out[i] != WEIR_NO_VALUE)
            program->slots[step->out[i]].constant = data[step->out[i]];
    return NULL;
}

static weir_error *check_made(const compiler *c, const weir_op_call *call)
{
    const weir_step *step = call->step;
    bool needs_run = false;
    for (size_t i = 0; i < step->out_count; i++) {
        if (step->out[i] == WEIR_NO_VALUE) continue;
        const weir_slot *slot = &c->program->slots[step->out[i]];
        if (!slot->is_made) return weir_call_fail(call, "its output %zu is not supported", i);
        needs_run |= slot->constant == NULL;
    }
    WEIR_ASSERT(!needs_run || step->run != NULL);
    return NULL;
}

static void add_scratch(compiler *c, weir_op_call *call)
{
    weir_program *program = c->program;
    call->step->scratch = WEIR_NO_VALUE;
    if (call->scratch.count == 0) return;
    call->step->scratch = (uint32_t)program->slot_count;
    program->slots[program->slot_count++] = call->scratch;
}

static weir_error *compile_node(compiler *c, const weir_node *node, weir_arena *scratch)
{
    weir_program *program = c->program;
    WEIR_TRY(check_inputs(c, node));
    weir_step step = {.node = node,
                      .slots = program->slots,
                      .in = node->inputs,
                      .out = node->outputs,
                      .in_count = node->input_count,
                      .out_count = node->output_count};
    weir_op_call call = {.shared = c->shared,
                         .into = c->shared->into,
                         .graph = c->graph,
                         .node = node,
                         .slots = program->slots,
                         .step = &step,
                         .bytes_used = &c->bytes_used,
                         .work_used = &c->work_used};
    WEIR_TRY(find_op(c, node, &call));
    WEIR_TRY(check_arity(&call));
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] != WEIR_NO_VALUE)
            WEIR_TRY(weir_call_charge(&call, 0, (double)program->slots[node->inputs[i]].count));
    WEIR_TRY(call.op->prepare(&call));
    WEIR_TRY(weir_call_charge(&call, (double)call.scratch.count, 0));
    add_scratch(c, &call);
    WEIR_TRY(check_made(c, &call));
    for (size_t i = 0; call.op->is_probability && i < node->output_count; i++)
        if (node->outputs[i] != WEIR_NO_VALUE)
            program->slots[node->outputs[i]].is_probability = true;
    if (step.run == NULL) return NULL;
    if (is_constant(c, node)) return fold(c, &step, scratch);
    program->steps[program->step_count++] = step;
    return NULL;
}

/* --- the whole
 * -------------------------------------------------------------------------------------- */

static void set_slot(weir_slot *slot, weir_tensor_kind kind, const weir_shape *shape)
{
    slot->kind = kind;
    slot->shape = *shape;
    slot->is_made = true;
    bool counted = weir_shape_count(shape, &slot->count);
    WEIR_ASSERT(counted);
}

static weir_error *set_inputs(compiler *c, const weir_shape *shapes)
{
    const weir_graph *graph = c->graph;
    for (size_t i = 0; i < graph->input_count; i++) {
        const weir_graph_port *port = &graph->inputs[i];
        const char *name = graph->value_names[port->value];
        size_t count;
        if (port->is_map || !port->has_kind)
            return weir_error_new(WEIR_E_MODEL, "input '%s' is no tensor; only tensors can be fed",
                                  name);
        if (!weir_shape_count(&shapes[i], &count))
            return weir_error_new(WEIR_E_LIMIT, "input '%s' is larger than %d elements", name,
                                  WEIR_TENSOR_ELEMENTS_MAX);
        if (c->program->slots[port->value].is_made)
            return weir_error_new(WEIR_E_MODEL, "input '%s' stands twice in the graph", name);
        set_slot(&c->program->slots[port->value], port->kind, &shapes[i]);
    }
    return NULL;
}

static void set_constants(compiler *c)
{
    for (size_t i = 0; i < c->graph->value_count; i++) {
        const weir_array *array = c->graph->constants[i];
        if (array == NULL) continue;
        set_slot(&c->program->slots[i], array->kind, &array->shape);
        c->program->slots[i].constant = array->data;
        c->program->parameter_count += array->count;
    }
}

static weir_error *check_outputs(const compiler *c)
{
    for (size_t i = 0; i < c->graph->output_count; i++) {
        uint32_t value = c->graph->outputs[i].value;
        if (!c->program->slots[value].is_made)
            return weir_error_new(WEIR_E_MODEL, "output '%s' is made by nothing",
                                  c->graph->value_names[value]);
    }
    return NULL;
}

/* Constants and inputs lie elsewhere; everything else gets its place in the workspace's memory. */
static void lay_out(compiler *c)
{
    weir_program *program = c->program;
    bool *is_input = weir_arena_array(c->shared->into, bool, program->slot_count + 1);
    for (size_t i = 0; i < c->graph->input_count; i++)
        is_input[c->graph->inputs[i].value] = true;
    size_t at = 0;
    for (size_t i = 0; i < program->slot_count; i++) {
        weir_slot *slot = &program->slots[i];
        slot->offset = SIZE_MAX;
        if (!slot->is_made || slot->constant != NULL || is_input[i]) continue;
        slot->offset = at;
        at += aligned(slot->count * weir_kind_size(slot->kind));
    }
    program->memory_bytes = at;
}

/* Backwards: a value takes missing values if each of its readers does, or passes them to one that
 * does. */
static void find_missing(compiler *c, weir_arena *scratch)
{
    weir_program *program = c->program;
    bool *takes = weir_arena_array(scratch, bool, program->slot_count + 1);
    for (size_t i = 0; i < program->slot_count; i++)
        takes[i] = true;
    for (size_t i = 0; i < c->graph->output_count; i++)
        takes[c->graph->outputs[i].value] = false;
    for (size_t s = program->step_count; s-- > 0;) {
        const weir_step *step = &program->steps[s];
        const weir_op *op = weir_op_find(step->node->domain, step->node->op);
        bool out_takes = true;
        for (size_t o = 0; o < step->out_count; o++)
            if (step->out[o] != WEIR_NO_VALUE) out_takes &= takes[step->out[o]];
        bool fine =
            op->missing == WEIR_MISSING_TAKEN || (op->missing == WEIR_MISSING_PASSES && out_takes);
        for (size_t n = 0; n < step->in_count; n++)
            if (step->in[n] != WEIR_NO_VALUE) takes[step->in[n]] &= fine;
    }
    program->accepts_missing = weir_arena_array(c->shared->into, bool, c->graph->input_count + 1);
    for (size_t i = 0; i < c->graph->input_count; i++)
        program->accepts_missing[i] = takes[c->graph->inputs[i].value];
}

/* Joins a product with what alone reads it, where that stands right behind it. */
static void fuse(compiler *c, weir_arena *scratch)
{
    weir_program *program = c->program;
    uint32_t *uses = weir_arena_array(scratch, uint32_t, program->slot_count + 1);
    for (size_t s = 0; s < program->step_count; s++)
        for (size_t i = 0; i < program->steps[s].in_count; i++)
            if (program->steps[s].in[i] != WEIR_NO_VALUE) uses[program->steps[s].in[i]]++;
    for (size_t i = 0; i < c->graph->output_count; i++)
        uses[c->graph->outputs[i].value]++;
    size_t kept = 0;
    for (size_t s = 0; s < program->step_count; s++) {
        const weir_step *step = &program->steps[s];
        weir_step *before = kept == 0 ? NULL : &program->steps[kept - 1];
        bool reads = before != NULL && before->out_count == 1 && before->out[0] != WEIR_NO_VALUE &&
                     step->out_count == 1 && step->out[0] != WEIR_NO_VALUE &&
                     uses[before->out[0]] == 1;
        bool joins = false;
        for (size_t i = 0; reads && i < step->in_count; i++)
            joins |= step->in[i] == before->out[0];
        if (joins && weir_dense_absorb(before, step))
            before->out = step->out;
        else
            program->steps[kept++] = *step;
    }
    program->step_count = kept;
}

static weir_error *compile(compiler *c, const weir_shape *shapes, weir_arena *scratch)
{
    const weir_graph *graph = c->graph;
    WEIR_TRY(find_makers(c, scratch));
    WEIR_TRY(find_order(c, scratch));
    weir_program *program = c->program;
    program->slots =
        weir_arena_array(c->shared->into, weir_slot, graph->value_count + c->order_count + 1);
    program->slot_count = graph->value_count;
    program->steps = weir_arena_array(c->shared->into, weir_step, c->order_count + 1);
    set_constants(c);
    WEIR_TRY(set_inputs(c, shapes));
    for (size_t i = 0; i < c->order_count; i++) {
        weir_arena folding = {0};
        weir_error *error = compile_node(c, &graph->nodes[c->order[i]], &folding);
        weir_arena_deinit(&folding);
        WEIR_TRY(error);
    }
    WEIR_TRY(check_outputs(c));
    fuse(c, scratch);
    lay_out(c);
    find_missing(c, scratch);
    return NULL;
}

weir_error *weir_program_compile(weir_program_shared *shared, const weir_shape *input_shapes,
                                 size_t rows, weir_program **program_out)
{
    weir_arena scratch = {0};
    compiler c = {.shared = shared, .graph = shared->graph};
    c.program = weir_arena_new(shared->into, weir_program);
    c.program->rows = rows;
    weir_error *error = compile(&c, input_shapes, &scratch);
    weir_arena_deinit(&scratch);
    *program_out = c.program;
    return error;
}

void weir_program_bind(const weir_program *program, uint8_t *memory, void **data)
{
    for (size_t i = 0; i < program->slot_count; i++) {
        const weir_slot *slot = &program->slots[i];
        data[i] = slot->constant != NULL     ? (void *)slot->constant
                  : slot->offset == SIZE_MAX ? NULL
                                             : memory + slot->offset;
    }
}

weir_error *weir_program_run(const weir_program *program, void *const *data)
{
    const weir_step *end = program->steps + program->step_count;
    for (const weir_step *step = program->steps; step < end; step++)
        WEIR_TRY(step->run(step, data));
    return NULL;
}
