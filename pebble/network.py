"""The network of model.py and mixture.py once more, in PyTorch: for batches of texts, and able to learn.

Its parts are named as in the files of transformers' LlamaForCausalLM, or MixtralForCausalLM if it has
experts, so that its weights can be stored as they are.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pebble.mixture import MixtureConfig
from pebble.model import Config


def linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)


class Attention(nn.Module):
    """The names here and below are those of transformers' LlamaForCausalLM."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.width, self.group = c.head_width, c.num_attention_heads // c.num_key_value_heads
        self.q_proj = linear(c.hidden_size, c.hidden_size)
        self.k_proj = linear(c.hidden_size, c.num_key_value_heads * c.head_width)
        self.v_proj = linear(c.hidden_size, c.num_key_value_heads * c.head_width)
        self.o_proj = linear(c.hidden_size, c.hidden_size)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # [B, T, D] -> [B, T, D]
        b, t, _ = x.shape
        q, k, v = (
            p(x).view(b, t, -1, self.width).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = turn(q, cos, sin), turn(k, cos, sin)  # [B, H, T, C], [B, K, T, C]
        k, v = k.repeat_interleave(self.group, 1), v.repeat_interleave(self.group, 1)
        # rows are padded on the right, where no real token can see the padding
        with torch.autocast(x.device.type, enabled=False):  # in bfloat16 its backward pass is slow on a CPU
            y = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))


class FeedForward(nn.Module):
    def __init__(self, c: Config) -> None:
        super().__init__()
        self.gate_proj = linear(c.hidden_size, c.intermediate_size)
        self.up_proj = linear(c.hidden_size, c.intermediate_size)
        self.down_proj = linear(c.intermediate_size, c.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Expert(nn.Module):
    """A feed-forward network like the one above, under Mixtral's names."""

    def __init__(self, c: MixtureConfig) -> None:
        super().__init__()
        self.w1 = linear(c.hidden_size, c.intermediate_size)
        self.w3 = linear(c.hidden_size, c.intermediate_size)
        self.w2 = linear(c.intermediate_size, c.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Experts(nn.Module):
    """Several feed-forward networks, and a router that picks a few for each token."""

    def __init__(self, c: MixtureConfig) -> None:
        super().__init__()
        self.k = c.num_experts_per_tok
        self.gate = linear(c.hidden_size, c.num_local_experts)
        self.experts = nn.ModuleList(Expert(c) for _ in range(c.num_local_experts))

    def forward(self, x: Tensor) -> Tensor:  # [B, T, D] -> [B, T, D]
        flat = x.flatten(0, 1)  # [B * T, D]
        with torch.autocast(x.device.type, enabled=False):  # rounded scores would choose others now and then
            self.probabilities = self.gate(flat.float()).softmax(-1)  # [B * T, E]
        best, self.chosen = self.probabilities.topk(self.k)  # [B * T, k] each
        share = best / best.sum(-1, keepdim=True)
        out = torch.zeros_like(flat)
        for e, expert in enumerate(self.experts):
            token, place = torch.where(self.chosen == e)
            out = out.index_add(0, token, (expert(flat[token]) * share[token, place, None]).to(out.dtype))
        return out.view_as(x)

    def imbalance(self, real: Tensor) -> Tensor:
        """How unevenly the last batch was routed: E · Σ fₑ·Pₑ, which is 1 when all experts get the same.

        fₑ is the share of the choices that fell on expert e, Pₑ its mean probability. Only Pₑ has a gradient.
        real: which tokens count [B, T]. Source: Switch Transformer (arXiv 2101.03961), equations 4 to 6.
        """
        probabilities, chosen = self.probabilities[real.flatten()], self.chosen[real.flatten()]
        f = torch.bincount(chosen.flatten(), minlength=len(self.experts)) / chosen.numel()
        return len(self.experts) * (f * probabilities.mean(0)).sum()


class Block(nn.Module):
    """One layer."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        if isinstance(c, MixtureConfig):
            self.block_sparse_moe = Experts(c)
        else:
            self.mlp = FeedForward(c)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # [B, T, D] -> [B, T, D]
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        think = self.block_sparse_moe if hasattr(self, "block_sparse_moe") else self.mlp
        return x + think(self.post_attention_layernorm(x))


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Channels i and i + C/2 are a pair, as in transformers; model.py brings them side by side."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Net(nn.Module):
    def __init__(self, config: Config, embedding_std: float = 0.08, induction: bool = True) -> None:
        super().__init__()
        c = self.c = config
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.blocks = [Block(c) for _ in range(c.num_hidden_layers)]
        self.layers = nn.ModuleList(self.blocks)
        self.norm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        angles = torch.outer(torch.arange(c.max_position_embeddings).float(), self.speeds())
        self.cos = nn.Buffer(angles.cos(), persistent=False)
        self.sin = nn.Buffer(angles.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=embedding_std if "embed" in name else c.hidden_size**-0.5)
            if name.endswith(("o_proj.weight", "down_proj.weight", "w2.weight")):
                nn.init.zeros_(p)
        if induction:
            self.begin_with_induction(embedding_std)

    def speeds(self) -> Tensor:
        half = self.c.head_width // 2
        return self.c.rope_theta ** (-torch.arange(half) / half)

    @torch.no_grad()
    def begin_with_induction(self, std: float) -> None:
        """Let four heads start out as the circuit that copies; training may make of them what it likes.

        "… Mira Dahl … Mira" -> "Dahl" takes two heads in a row. The first tells each token what was before,
        the second finds the place whose predecessor is the token at hand. Neither helps without the other,
        so that training sits on a plateau for long before both are there: too long for a model that is
        trained on a laptop.
        """
        c, width = self.c, self.c.head_width
        generator = torch.Generator().manual_seed(0)

        def code() -> Tensor:  # [C, D]: a random view of the residual stream
            return torch.linalg.qr(torch.randn(c.hidden_size, width, generator=generator))[0].T

        # layer 0: all embeddings share channel 0, and from it alone come queries and keys that fit best at a
        # distance of one (head 0) and of two tokens (head 1), by those channels that RoPE turns fast
        shared = 4 * std
        self.embed_tokens.weight[:, 0] = shared
        one = (shared**2 / c.hidden_size + std**2) ** 0.5 / shared  # reads the shared channel, normed, as 1
        fast = (self.speeds() > 0.05).float()
        first, second = self.blocks[0].self_attn, self.blocks[1].self_attn
        first.k_proj.weight[:width] = 0
        first.k_proj.weight[:width, 0] = torch.cat([fast, 0 * fast]) * one
        for head in (0, 1):
            angle = self.speeds() * (head + 1)
            first.q_proj.weight[head * width : (head + 1) * width] = 0
            toward = torch.cat([fast * angle.cos(), -fast * angle.sin()])
            first.q_proj.weight[head * width : (head + 1) * width, 0] = toward * one * 3 * width**0.5

        # what they hand over: a code of the token they see, written to a place of its own, as loud as the
        # token
        token, before, before_that, output = code(), code(), code(), code()
        loud = std * width**-0.5 * c.hidden_size**0.5
        token[:, 0] = 0
        first.v_proj.weight[:width] = token
        first.o_proj.weight[:, :width] = before.T * loud
        first.o_proj.weight[:, width : 2 * width] = before_that.T * loud

        # layer 1: head 0 looks for a place whose "before" is the token at hand; head 2 for one whose
        # "before that" is the token before the one at hand; by channels that RoPE hardly turns. Both copy.
        slow = torch.cat([(self.speeds() < 0.02).float()] * 2)[:, None]
        group = 2 // (c.num_attention_heads // c.num_key_value_heads)
        for head, kv, query, key in ((0, 0, token, before), (2, group, before, before_that)):
            q, k = slice(head * width, (head + 1) * width), slice(kv * width, (kv + 1) * width)
            second.q_proj.weight[q] = query * slow * 3
            second.k_proj.weight[k] = key * slow * 3
            second.v_proj.weight[k] = output
            second.o_proj.weight[:, q] = output.T * loud * 2

    def hidden(self, ids: Tensor) -> Tensor:  # [B, T] -> [B, T, D]
        x = self.embed_tokens(ids)
        t = ids.shape[1]
        for layer in self.layers:
            x = layer(x, self.cos[:t], self.sin[:t])
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.embed_tokens.weight.T

    def imbalance(self, real: Tensor) -> Tensor:
        """The mean over the layers of how unevenly their experts were chosen in the last batch."""
        return torch.stack([block.block_sparse_moe.imbalance(real) for block in self.blocks]).mean()
