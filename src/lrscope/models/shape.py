from dataclasses import dataclass
@dataclass(frozen=True)
class LlamaShape:
    vocab_size:int; dim:int; num_layers:int; num_heads:int; num_kv_heads:int; head_dim:int; hidden_dim:int
    max_positions:int=1024; norm_eps:float=1e-5; rope_theta:float=10000.; tied:bool=True
